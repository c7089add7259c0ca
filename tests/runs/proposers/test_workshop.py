"""Trials in a run: on search games, recorded once, closed with the question."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from ouroloop.ledger.steps.observe import play
from ouroloop.ledger.steps.propose import ask as ask_key
from ouroloop.ledger.steps.usage import usage
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import PatchProposal, PatchReply, PatchRequest, Trial
from ouroloop.protocols.seeds import game_seeds
from ouroloop.runs import asking, seeds
from ouroloop.runs.asking import Asked, ask
from ouroloop.runs.context import Run
from ouroloop.runs.lifecycle import create, opened
from ouroloop.runs.phases.observe import decide, observe
from ouroloop.runs.phases.propose import question
from ouroloop.runs.phases.start import start
from ouroloop.runs.progress import Quiet
from ouroloop.runs.proposers.workshop import RunWorkshop, lent
from tests.agents.fixtures import patch_request
from tests.runs.hostile_roles import Patcher
from tests.runs.scripted_roles import HOSTILE, SAFE
from tests.runs.small_run import micro

KEY = "1/propose/patch"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("workshop") / "run"
    create(micro(), folder, Quiet(notes=False))
    with opened(folder, Quiet(notes=False)) as found:
        start(found)
        observe(found, 1)
        decide(found, 1)
        yield found


def test_a_draft_plays_the_games_of_the_observation_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    games = sum(used.games for used in usage(run.ledger))
    first = asyncio.run(RunWorkshop(run, 1, KEY).trial(0, 1, SAFE))
    assert first.facts is not None
    assert (first.facts.games, first.played) == (16, 16)
    assert [len(rows) for rows in first.facts.regrets] == [text.count("-> ") for text in first.facts.transcripts]
    assert all(min(row) == 0 and max(row) <= 1 and len(row) == 4 for rows in first.facts.regrets for row in rows)
    assert first.facts.score > run.result(play(1)).facts.score
    monkeypatch.setattr(type(run.players), "policy", pytest.fail)
    assert asyncio.run(RunWorkshop(run, 1, KEY).trial(0, 1, SAFE)) == first
    assert sum(used.games for used in usage(run.ledger)) == games + 16


def test_no_trial_plays_a_seed_of_the_gate(run: Run) -> None:
    tried = set(run.players.seeds(seeds.observation(run.recipe.gate, 1)))
    for stream in ("gate", "watch", "attribution"):
        assert not tried & set(game_seeds(run.players.stream_seed(), stream, 0, 4096))


@pytest.mark.parametrize(("draft", "layer"), [("imports os", "ast"), ("returns 7", "protocol")])
def test_a_refused_draft_says_which_layer_and_why(run: Run, draft: str, layer: str) -> None:
    found = asyncio.run(RunWorkshop(run, 1, KEY).trial(1, 1 + (layer == "ast"), HOSTILE[draft]))
    assert (found.facts, found.layer, found.played) == (None, layer, 0)
    assert found.reason


def test_a_workshop_closes_with_its_question(run: Run) -> None:
    class Role:
        workshop: RunWorkshop | None = None

    role, workshop = Role(), RunWorkshop(run, 1, KEY)
    with lent(role, workshop):
        assert role.workshop is workshop
    assert role.workshop is None
    with pytest.raises(ModelError, match="its question is over"):
        asyncio.run(workshop.trial(0, 2, SAFE))
    with lent(object(), RunWorkshop(run, 1, "x")):
        pass


class Slow(RunWorkshop):
    """A trial takes a while; `most` is the largest number of them that were under way at once."""

    under_way, most = 0, 0

    def _tried(self, draft: str) -> Trial:
        Slow.under_way += 1
        Slow.most = max(Slow.most, Slow.under_way)
        time.sleep(0.2)
        Slow.under_way -= 1
        return Trial(layer="text", reason="slow")


def test_the_workshops_of_a_run_try_one_draft_at_a_time_and_block_nobody_who_waits(run: Run) -> None:
    async def both() -> tuple[int, float]:
        shops = Slow(run, 1, "1/propose/patch"), Slow(run, 1, "1/propose/patch.2")
        trials = asyncio.gather(*(shop.trial(place, 1, "x") for shop in shops for place in (20, 21)))
        begun, free = time.monotonic(), 0
        while not trials.done():
            await asyncio.sleep(0.01)
            free += 1
        await trials
        assert all(0.4 <= shop.seconds <= time.monotonic() - begun for shop in shops)
        return free, time.monotonic() - begun

    free, taken = asyncio.run(both())
    assert Slow.most == 1
    assert free > 8
    assert taken >= 0.8


def test_the_time_of_trials_is_no_time_of_the_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "GRACE_S", 0.2)

    class Trying(Patcher):
        workshop: RunWorkshop

        async def act(self, request: PatchRequest) -> PatchReply:
            await asyncio.gather(*(self.workshop.trial(place, 1, "x") for place in range(30, 35)))
            return PatchReply(proposals=(PatchProposal(text=SAFE, rationale="tried"),))

    key = ask_key(1, "patch.3")
    role = Trying()
    role.workshop = Slow(run, 1, key.text)
    (said,) = ask(run.ledger, [Asked(key, role, patch_request(count=1), 0.2, role.workshop)])
    assert said.error is None


def test_a_question_for_a_patch_has_a_workshop(run: Run) -> None:
    assert question(run, 1, "patch", 2).workshop is not None
    assert question(run, 1, "reward", 2).workshop is None
