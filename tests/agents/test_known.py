"""The library as the roles use it: what fits this game and is new comes first."""

from __future__ import annotations

import asyncio

from ouroloop.agents.known import usable_patches, usable_rewards
from ouroloop.agents.search.designer import DesignerConfig, SearchDesigner
from ouroloop.agents.search.patcher import PatcherConfig, SearchPatcher
from ouroloop.protocols.messages import Known, Tried
from ouroloop.protocols.records import RewardSpec, RewardTerm
from ouroloop.rewards.language import parse
from tests.agents.fixtures import TASK, apply, patch_request, reward_request

CLOSER = RewardSpec(terms=(RewardTerm(name="closer", expr="approach * abs(space)", weight=0.5),))
TINY = RewardSpec(terms=(RewardTerm(name="closer", expr="1e-3 * approach", weight=0.5),))
ELSEWHERE = RewardSpec(terms=(RewardTerm(name="upright", expr="tilt", weight=0.5),))
SAFE = "from toolkit import legal_moves\n\n\ndef act(observation, logits):\n    return (legal_moves(observation) or [0])[0]\n"
FOREIGN = "from toolkit import swing\n\n\ndef act(observation, logits):\n    return swing(observation)\n"
LIBRARY = (
    Known(run="other-001", candidate="r1-reward1", task="balance", effect=0.4, reward=ELSEWHERE, source=FOREIGN),
    Known(run="snake-001", candidate="r1-reward1", task="snake size 8", effect=0.2, reward=CLOSER),
    Known(run="snake-002", candidate="r1-reward1", task="snake size 8", effect=0.1, source=SAFE),
    Known(run="snake-003", candidate="r1-reward1", task="snake size 8", effect=0.05, source=SAFE),
)


def test_the_searching_designer_offers_a_fitting_reward_first_and_once() -> None:
    request = reward_request(count=4).model_copy(update={"library": LIBRARY})
    reply = asyncio.run(SearchDesigner(DesignerConfig()).act(request))
    assert len(reply.proposals) == 4
    assert parse(reply.proposals[0].spec) == CLOSER
    assert reply.proposals[0].rationale.endswith("accepted in snake-001 (snake size 8), where it gained +0.200")
    assert [parse(one.spec) for one in reply.proposals].count(CLOSER) == 1
    tried = Tried(round=1, kind="reward", role="r", outcome="rejected", layer="gate", reason="r", reward=CLOSER)
    again = asyncio.run(SearchDesigner(DesignerConfig()).act(request.model_copy(update={"tried": (tried,)})))
    assert CLOSER not in [parse(one.spec) for one in again.proposals]


def test_the_searching_patcher_offers_a_fitting_patch_first_and_once() -> None:
    request = patch_request(count=4).model_copy(update={"library": LIBRARY})
    proposals = asyncio.run(SearchPatcher(PatcherConfig()).act(request)).proposals
    assert len(proposals) == 4
    sources = [apply(one.text, TASK.start_controller) for one in proposals]
    assert sources[0] == SAFE
    assert sources.count(SAFE) == 1
    assert not any("swing" in source for source in sources)


def test_at_most_half_comes_from_the_library() -> None:
    rewards = [CLOSER.model_copy(update={"gamma_r": i / 100}) for i in range(1, 9)]
    many = tuple(Known(run="r", candidate="r1-reward1", task="snake", effect=0.1, reward=reward) for reward in rewards)
    reply = asyncio.run(SearchDesigner(DesignerConfig()).act(reward_request(count=5).model_copy(update={"library": many})))
    assert sum("accepted in" in one.rationale for one in reply.proposals) == 3


def test_names_are_read_as_python_reads_them() -> None:
    other = "from toolkit import (\n    swing,\n)\n\n\ndef act(observation, logits):\n    return swing(observation)\n"
    own = "from toolkit import legal_moves  # the tool\n\n\ndef act(observation, logits):\n    return 0\n"
    library = tuple(Known(run="r", candidate="c", task="t", effect=0.1, source=source) for source in (other, own))
    assert [source for _, source in usable_patches(patch_request().model_copy(update={"library": library}))] == [own]
    rewards = (Known(run="r", candidate="c", task="t", effect=0.1, reward=TINY),)
    assert [spec for _, spec in usable_rewards(reward_request().model_copy(update={"library": rewards}))] == [TINY]


def test_a_pair_is_offered_whole_where_rewards_help_and_as_a_patch_elsewhere() -> None:
    pair = (Known(run="r", candidate="r1-both1", task="t", effect=0.1, reward=CLOSER, source=SAFE),)
    assert usable_rewards(reward_request().model_copy(update={"library": pair})) == []
    for wishes, reward in ((1, CLOSER.model_dump_json()), (0, None)):
        request = patch_request(count=2).model_copy(update={"library": pair, "wishes": wishes})
        first = asyncio.run(SearchPatcher(PatcherConfig()).act(request)).proposals[0]
        assert (first.reward, first.origin) == (reward, "r/r1-both1")
