"""Watch and rollback: what got in wrongly gets out, and what was built on it stays where it applies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ouroboros.envs.task import SnakeTask
from ouroboros.protocols.errors import CandidateFault, UsageError
from ouroboros.protocols.ports import Sandbox
from ouroboros.runs.bench.arena import arena, controller, propose
from ouroboros.runs.context import Run, rolled_back, transcripts
from ouroboros.runs.phases import rollback as rollback_phase
from ouroboros.runs.phases.attribute import attribute
from ouroboros.runs.phases.gate import gate
from ouroboros.runs.phases.rollback import lineage, roll_back
from ouroboros.runs.phases.watch import log_evidence, watch, watched
from ouroboros.sandbox.choose import choose

START = {"SLIPS": 150, "STUMBLES": 100, "LAPSES": 100}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = choose("wasm", SnakeTask(6).toolkit_source, 4)
    yield box
    box.close()


@pytest.fixture
def run(tmp_path: Path, sandbox: Sandbox) -> Iterator[Run]:
    with arena(tmp_path / "run", controller(**START), seed=7, sandbox=sandbox, watch_games=32) as opened:
        yield opened


def accept(run: Run, round: int, source: str) -> str:
    """Let a good patch in; return its id."""
    (candidate,) = propose(run, round, [source])
    gate(run, round)
    assert run.verdict(round, candidate).outcome == "accepted"
    return candidate.id


def edited(run: Run, old: str, new: str) -> str:
    now = run.store.text(run.incumbent().controller)
    assert old in now
    return now.replace(old, new)


def workspace_text(run: Run) -> str:
    return (run.workspace.folder / "controller.py").read_text()


def test_the_newest_patch_goes_and_the_bytes_are_those_of_before(run: Run) -> None:
    first = accept(run, 0, edited(run, "STUMBLES = 100", "STUMBLES = 0"))
    before = workspace_text(run)
    second = accept(run, 1, edited(run, "SLIPS = 150", "SLIPS = 0"))
    result = roll_back(run, "r", second, "test")
    assert (result["chain"], result["kept"]) == ({}, [])
    assert workspace_text(run) == before
    assert [state.candidate for state in lineage(run.ledger)] == [None, first]
    assert not run.workspace.changes()


def test_a_later_patch_elsewhere_is_kept(run: Run) -> None:
    first = accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 0"))
    second = accept(run, 1, edited(run, "LAPSES = 100", "LAPSES = 0"))
    result = roll_back(run, "r", first, "test")
    assert result["kept"] == [second]
    assert workspace_text(run) == controller(**{**START, "LAPSES": 0})
    assert run.store.text(run.incumbent().controller) == workspace_text(run)
    third = accept(run, 2, edited(run, "STUMBLES = 100", "STUMBLES = 0"))
    assert [state.candidate for state in lineage(run.ledger)] == [None, second, third]


def test_a_later_patch_of_the_same_lines_goes_too_and_says_so(run: Run) -> None:
    first = accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 100"))
    second = accept(run, 1, edited(run, "SLIPS = 100", "SLIPS = 0"))
    third = accept(run, 2, edited(run, "LAPSES = 100", "LAPSES = 0"))
    result = roll_back(run, "r", first, "test")
    assert result["kept"] == [third]
    assert list(result["chain"]) == [second]
    assert "built on r0-patch1" in rolled_back(run.ledger)[second]
    assert workspace_text(run) == controller(**{**START, "LAPSES": 0})


def test_a_later_patch_that_fails_the_screen_without_the_first_goes_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise CandidateFault("ast", "line 3: no")

    first = accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 0"))
    second = accept(run, 1, edited(run, "LAPSES = 100", "LAPSES = 0"))
    monkeypatch.setattr(rollback_phase, "checked", refused)
    assert list(roll_back(run, "r", first, "test")["chain"]) == [second]
    assert workspace_text(run) == controller(**START)


def test_what_was_not_accepted_cannot_be_rolled_back(run: Run) -> None:
    accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 0"))
    with pytest.raises(UsageError, match="accepted and standing: r0-patch1"):
        roll_back(run, "r", "r0-patch9", "test")
    roll_back(run, "r", "r0-patch1", "test")
    with pytest.raises(UsageError, match="accepted and standing: none"):
        roll_back(run, "s", "r0-patch1", "test")


def test_a_patch_that_is_bad_off_the_gates_seeds_is_found_with_games_that_show_it(run: Run) -> None:
    accept(run, 0, controller(**{**START, "SLIPS": 0, "LATER": 400}))
    for round in range(3):
        attribute(run, round)
        watch(run, round)
        if round < 2 and run.ledger.step(f"{round}/rollback/0") is None:
            propose(run, round + 1, [])
    assert list(rolled_back(run.ledger)) == ["r0-patch1"]
    assert "worse than its predecessor" in rolled_back(run.ledger)["r0-patch1"]
    assert transcripts(run.ledger)["r0-patch1"]
    assert workspace_text(run) == controller(**START)


def test_one_that_is_worse_than_an_older_state_alone_is_found_and_the_right_one_blamed(run: Run) -> None:
    bad = accept(run, 0, controller(**{**START, "SLIPS": 0, "LATER": 300}))
    good = accept(run, 1, edited(run, "STUMBLES = 100", "STUMBLES = 0"))
    for round in (1, 2, 3, 4):
        watch(run, round)
    assert bad in rolled_back(run.ledger)
    assert good not in rolled_back(run.ledger)


def test_a_run_of_equal_players_rolls_nothing_back(run: Run) -> None:
    accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 0"))
    for round in range(12):
        watch(run, round)
    assert rolled_back(run.ledger) == {}


def test_evidence_against_one_that_turned_bad_does_not_wait_for_its_good_rounds_to_be_lost_again() -> None:
    random = np.random.default_rng(0)
    good = [random.normal(0.15, 0.2, 48).clip(-1, 1) for _ in range(4)]
    bad = [random.normal(-0.15, 0.2, 48).clip(-1, 1) for _ in range(2)]
    assert log_evidence(good, 0.03) < 0
    assert log_evidence(good + bad, 0.03) > np.log(40)
    assert log_evidence([], 0.03) == 0


def test_a_change_of_nothing_is_evidence_of_nothing_over_many_rounds() -> None:
    """E-values of a mixture over starts: at most 1 on average at any time, so seldom above 20 at all times together."""
    random = np.random.default_rng(1)
    over = 0
    for _ in range(200):
        blocks = [random.choice([-0.3, 0.3], 16) for _ in range(8)]
        over += any(log_evidence(blocks[:k], 0.03) >= np.log(20) for k in range(1, 9))
    assert over <= 17  # 10 expected at most; 18 or more happen with probability under 2 %


def test_older_states_are_watched_in_turn(run: Run) -> None:
    for round, (old, new) in enumerate((("SLIPS = 150", "SLIPS = 0"), ("STUMBLES = 100", "STUMBLES = 0"))):
        accept(run, round, edited(run, old, new))
    states = lineage(run.ledger)
    assert watched(states, 1, 0) == states
    assert watched(states, 3, 5) == states
    accept(run, 2, edited(run, "LAPSES = 100", "LAPSES = 0"))
    states = lineage(run.ledger)
    assert [watched(states, 1, r)[0] for r in range(3)] == [states[0], states[1], states[0]]
