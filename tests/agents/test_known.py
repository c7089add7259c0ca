"""The library as the roles use it: what fits this game and is new comes first."""

from __future__ import annotations

import asyncio

from ouroloop.agents.search.designer import DesignerConfig, SearchDesigner
from ouroloop.agents.search.patcher import PatcherConfig, SearchPatcher
from ouroloop.protocols.messages import Known, Tried
from ouroloop.protocols.records import RewardSpec, RewardTerm
from ouroloop.rewards.language import parse
from tests.agents.fixtures import TASK, apply, patch_request, reward_request

CLOSER = RewardSpec(terms=(RewardTerm(name="closer", expr="approach * abs(space)", weight=0.5),))
ELSEWHERE = RewardSpec(terms=(RewardTerm(name="upright", expr="tilt", weight=0.5),))
SAFE = "from toolkit import legal_moves\n\n\ndef act(observation, logits):\n    return (legal_moves(observation) or [0])[0]\n"
FOREIGN = "from toolkit import swing\n\n\ndef act(observation, logits):\n    return swing(observation)\n"
LIBRARY = (
    Known(run="other-001", task="balance", effect=0.4, reward=ELSEWHERE, source=FOREIGN),
    Known(run="snake-001", task="snake size 8", effect=0.2, reward=CLOSER),
    Known(run="snake-002", task="snake size 8", effect=0.1, source=SAFE),
    Known(run="snake-003", task="snake size 8", effect=0.05, source=SAFE),
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
    many = tuple(Known(run="r", task="snake", effect=0.1, reward=reward) for reward in rewards)
    reply = asyncio.run(SearchDesigner(DesignerConfig()).act(reward_request(count=5).model_copy(update={"library": many})))
    assert sum("accepted in" in one.rationale for one in reply.proposals) == 3
