"""Watch and rollback: what got in wrongly gets out, and what was built on it stays where it applies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ouroloop.bench.gate.arena import arena, controller, let_in, propose
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.ledger.faults import disk_full
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.apply import Applied, RolledBack, Standing, manual_rollback, rollback
from ouroloop.ledger.steps.apply import apply as apply_step
from ouroloop.ledger.steps.observe import Observed, play
from ouroloop.ledger.steps.start import INCUMBENT, Begun, Measures
from ouroloop.ledger.steps.watch import Found, Watched, WatchedState, judge
from ouroloop.ledger.steps.watch import play as watch_play
from ouroloop.protocols.errors import CandidateFault, UsageError
from ouroloop.protocols.messages import Diagnosis
from ouroloop.protocols.ports import Sandbox
from ouroloop.protocols.records import Build, Estimate, SeedRange
from ouroloop.runs.context import Run, rolled_back, transcripts
from ouroloop.runs.phases import regressions
from ouroloop.runs.phases import rollback as rollback_phase
from ouroloop.runs.phases import watch as watch_phase
from ouroloop.runs.phases.attribute import attribute
from ouroloop.runs.phases.gate import gate
from ouroloop.runs.phases.regressions import Evidence, Judge, Meeting, drifting_evidence, recorded, steady_evidence
from ouroloop.runs.phases.rollback import lineage, refuse_unsettled, roll_back
from ouroloop.runs.phases.watch import watch, watched
from ouroloop.sandbox.choose import choose

SEEN = Observed(
    Diagnosis(games=1, score=0, score_low=0, score_high=0, utility=0, win_rate=0, deaths={}, regret={}, avoidable=0), None, 1
)
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
    result = roll_back(run, manual_rollback(0), second, "test")
    assert (result.chain, result.retained) == ({}, ())
    assert workspace_text(run) == before
    assert [state.candidate for state in lineage(run.ledger)] == [None, first]
    assert not run.workspace.changes()


def test_a_later_patch_elsewhere_is_kept(run: Run) -> None:
    first = accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 0"))
    second = accept(run, 1, edited(run, "LAPSES = 100", "LAPSES = 0"))
    result = roll_back(run, manual_rollback(0), first, "test")
    assert result.retained == (second,)
    assert workspace_text(run) == controller(**{**START, "LAPSES": 0})
    assert run.store.text(run.incumbent().controller) == workspace_text(run)
    third = accept(run, 2, edited(run, "STUMBLES = 100", "STUMBLES = 0"))
    assert [state.candidate for state in lineage(run.ledger)] == [None, second, third]


def test_a_later_patch_of_the_same_lines_goes_too_and_says_so(run: Run) -> None:
    first = accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 70"))
    second = accept(run, 1, edited(run, "SLIPS = 70", "SLIPS = 0"))
    third = accept(run, 2, edited(run, "LAPSES = 100", "LAPSES = 0"))
    result = roll_back(run, manual_rollback(0), first, "test")
    assert result.retained == (third,)
    assert list(result.chain) == [second]
    assert "built on r0-patch1" in rolled_back(run.ledger)[second]
    assert workspace_text(run) == controller(**{**START, "LAPSES": 0})


def test_a_later_patch_that_fails_the_screen_without_the_first_goes_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise CandidateFault("ast", "line 3: no")

    first = accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 0"))
    second = accept(run, 1, edited(run, "LAPSES = 100", "LAPSES = 0"))
    monkeypatch.setattr(rollback_phase, "checked", refused)
    assert list(roll_back(run, manual_rollback(0), first, "test").chain) == [second]
    assert workspace_text(run) == controller(**START)


def test_what_was_not_accepted_cannot_be_rolled_back(run: Run) -> None:
    accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 0"))
    with pytest.raises(UsageError, match="accepted and standing: r0-patch1"):
        roll_back(run, manual_rollback(0), "r0-patch9", "test")
    roll_back(run, manual_rollback(0), "r0-patch1", "test")
    with pytest.raises(UsageError, match="accepted and standing: none"):
        roll_back(run, manual_rollback(1), "r0-patch1", "test")


def test_a_patch_that_is_bad_off_the_gates_seeds_is_found_with_games_that_show_it(run: Run) -> None:
    accept(run, 0, controller(**{**START, "SLIPS": 0, "LATER": 400}))
    for round in range(3):
        attribute(run, round)
        watch(run, round)
        if round < 2 and run.find(rollback(round, 0)) is None:
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


def test_equal_states_are_seldom_rolled_back_and_a_bar_without_level_would_roll_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rollbacks(seed: int) -> int:
        with arena(tmp_path / f"{seed}", controller(SLIPS=200), seed=seed, watch_games=16) as run:
            for round in range(8):
                if 0 < round < 5:
                    let_in(run, round, controller(SLIPS=200, salt=100 * seed + round))
                watch(run, round)
            return len(rolled_back(run.ledger))

    assert sum(rollbacks(seed) for seed in range(6)) == 0
    monkeypatch.setattr(regressions, "REGRESSION_ALPHA", 8.0)
    assert sum(rollbacks(seed) for seed in range(6, 9)) > 0


def test_the_change_that_did_the_harm_is_blamed_not_a_harmless_one_after_it(tmp_path: Path) -> None:
    with arena(tmp_path / "run", controller(SLIPS=100), seed=3) as run:
        let_in(run, 0, controller(SLIPS=100, salt=1))
        watch(run, 0)
        let_in(run, 1, controller(SLIPS=200, salt=2))
        let_in(run, 2, controller(SLIPS=200, salt=3))
        for round in (2, 3, 4):
            watch(run, round)
            if rolled_back(run.ledger):
                break
        assert next(iter(rolled_back(run.ledger))) == "r1-patch1"


def test_a_watch_that_was_killed_after_its_rollback_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    def watched_run(name: str, killed: bool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        with arena(tmp_path / name, controller(SLIPS=100), seed=5) as run:
            let_in(run, 0, controller(SLIPS=500))
            if killed:
                with monkeypatch.context() as patch:
                    patch.setattr(watch_phase, "roll_back", _killing(watch_phase.roll_back))
                    with pytest.raises(KeyboardInterrupt):
                        watch(run, 0)
            watch(run, 0)
            return [*(s.key for s in run.ledger.steps("0/*")), run.ledger.digest()]

    with pytest.MonkeyPatch.context() as monkeypatch:
        undisturbed, resumed = (watched_run(name, name == "b", monkeypatch) for name in "ab")
    assert undisturbed == resumed
    assert "0/watch/again" in undisturbed


def _killing(work: Callable[..., object]) -> Callable[..., object]:
    def then_die(*arguments: object) -> None:
        work(*arguments)
        raise KeyboardInterrupt

    return then_die


def test_no_rollback_by_hand_in_the_middle_of_a_round(run: Run) -> None:
    def refused() -> bool:
        try:
            refuse_unsettled(run)
        except UsageError:
            return True
        return False

    assert not refused()
    accept(run, 0, edited(run, "SLIPS = 150", "SLIPS = 0"))
    play(0).record(run.ledger, {}, SEEN)
    assert refused()
    watch(run, 0)
    assert not refused()
    play(1).record(run.ledger, {}, SEEN)
    propose(run, 1, [edited(run, "LAPSES = 100", "LAPSES = 0")])
    assert refused()
    gate(run, 1)
    assert refused()
    judge(1, 0).record(run.ledger, {}, Found("r0-patch1"))
    assert refused()  # the round's own rollback is still to come


def test_commands_to_copy_are_words_of_a_shell(tmp_path: Path) -> None:
    with arena(tmp_path / "my run", controller(), seed=1) as run:
        play(1).record(run.ledger, {}, SEEN)
        with pytest.raises(UsageError) as caught:
            refuse_unsettled(run)
    assert f"`ouroloop resume '{tmp_path / 'my run'}'`" in str(caught.value)
    assert "`ouroloop resume 'my run'`" in str(disk_full(Path("my run") / "ledger.sqlite"))


def test_a_later_patch_that_only_undoes_the_first_goes_with_it(run: Run) -> None:
    start = run.store.text(run.incumbent().controller)
    let_in(run, 0, start.replace("SLIPS = 150", "SLIPS = 0"))
    let_in(run, 1, start)
    result = roll_back(run, manual_rollback(0), "r0-patch1", "test")
    assert list(result.chain) == ["r1-patch1"]
    assert "nothing of its change is left" in result.chain["r1-patch1"]
    assert workspace_text(run) == start


def test_evidence_of_a_mean_that_turned_bad_does_not_wait_for_the_good_rounds_to_be_lost_again() -> None:
    random = np.random.default_rng(0)
    good = [random.normal(0.15, 0.2, 48).clip(-1, 1) for _ in range(4)]
    bad = [random.normal(-0.15, 0.2, 48).clip(-1, 1) for _ in range(2)]
    assert drifting_evidence(good, 0.03)[0] < 0
    log_e, first = drifting_evidence(good + bad, 0.03)
    assert log_e > np.log(40)
    assert first == 4  # the gambler who began with the bad blocks
    assert drifting_evidence([], 0.03) == (0, 0)


def test_a_pair_of_fixed_players_needs_no_restarts_which_would_cost_evidence() -> None:
    random = np.random.default_rng(0)
    blocks = [random.normal(-0.05, 0.28, 48).clip(-1, 1) for _ in range(12)]
    assert steady_evidence(blocks, 0.03)[0] > drifting_evidence(blocks, 0.03)[0]
    assert steady_evidence(blocks, 0.03)[0] == pytest.approx(steady_evidence([np.concatenate(blocks)], 0.03)[0])


@pytest.mark.parametrize("evidence_of", [steady_evidence, drifting_evidence])
def test_a_change_of_nothing_is_evidence_of_nothing_over_many_rounds(evidence_of: Judge) -> None:
    """Both are e-processes: their mean is at most 1, and so is the share of runs that ever pass a bar."""
    random, last, over = np.random.default_rng(1), [], {4.0: 0, 1.2: 0}
    for _ in range(400):
        blocks = [random.choice([-1.0, 1.0], 8) for _ in range(5)]
        logs = [evidence_of(blocks[:k], 0.1)[0] for k in range(1, 6)]
        last.append(np.exp(logs[-1]))
        for bar in over:
            over[bar] += max(logs) >= np.log(bar)
    assert np.mean(last) <= 1 + 3 * np.std(last) / 20
    assert over[4.0] <= 400 / 4
    assert over[1.2] > 0  # bars are within reach


def test_older_changes_are_watched_in_turn_or_where_suspected(run: Run) -> None:
    for round, (old, new) in enumerate((("SLIPS = 150", "SLIPS = 0"), ("STUMBLES = 100", "STUMBLES = 0"))):
        accept(run, round, edited(run, old, new))
    states = lineage(run.ledger)
    assert watched(states, 1, 0) == states
    assert watched(states, 3, 5) == states
    accept(run, 2, edited(run, "LAPSES = 100", "LAPSES = 0"))
    states = lineage(run.ledger)
    assert watched(states, 1, 0) == watched(states, 1, 2) == states[:2] + states[2:]
    assert watched(states, 1, 1) == states[1:]
    assert watched(states, 1, 1, suspect=1) == states


def test_a_patch_that_restores_an_earlier_state_is_watched_like_any_other(run: Run) -> None:
    """A, B, A: the third state is no neighbour of the first, and its games count for both."""
    start = run.store.text(run.incumbent().controller)
    let_in(run, 0, start.replace("SLIPS = 150", "SLIPS = 0"))
    watch(run, 0)
    let_in(run, 1, start)
    for round in range(1, 6):
        watch(run, round)
        if rolled_back(run.ledger):
            break
    assert list(rolled_back(run.ledger)) == ["r1-patch1"]  # the better state is back
    assert "worse than its predecessor" in rolled_back(run.ledger)["r1-patch1"]
    states = [Standing(None, A), Standing("b", B), Standing("a", A)]
    assert watched(states, 3, 0) == states


def evidence(states: list[Build], blocks: list[dict[int, float]], tmp_path: Path) -> Evidence:
    """Return the evidence of a made-up run: in each block, the states that played, by their place, and their utility.

    A state comes to be before the first block that it plays in.
    """
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    INCUMBENT.record(ledger, {}, Begun(states[0], ""))
    made = 1
    for r, block in enumerate(blocks):
        for k in range(made, max(block) + 1):
            apply_step(k, f"c{k}").record(ledger, {}, Applied(states[k], states[k - 1], "", f"c{k}", k))
        made = max(made, max(block) + 1)
        see(ledger, r, [(k, states[k], u) for k, u in block.items()])
    return Evidence(recorded(ledger), lineage(ledger), 0.03)


def see(ledger: Ledger, round: int, played: list[tuple[int, Build, float]]) -> None:
    """Record a block of watch games: each state's place, build and utility."""
    measures = Measures(Estimate(0, 0, 0), 0, 0, 0)
    seen = tuple(WatchedState(build, k, (u,) * 48) for k, build, u in played)
    watch_play(round).record(ledger, {}, Watched(SeedRange("watch", 48 * round, 48), measures, seen, 0))


A, B, C, D = (Build("p", "r", letter) for letter in "abcd")


def test_equal_builds_are_no_pair_and_the_nearest_state_is_met_first(tmp_path: Path) -> None:
    found = evidence([A, B, C, A], [{0: 0.5, 1: 0.6}, *[{0: 0.5, 1: 0.6, 2: 0.7, 3: 0.5}] * 2], tmp_path)
    assert [found.meeting(3, k) for k in range(3)] == [None, Meeting(1, 2), Meeting(1, 1)]
    assert (found.meeting(1, 0), found.meeting(2, 0)) == (Meeting(0, 1), Meeting(1, 2))
    assert len(found.pair(3, 1).games) == 2  # the games before it came to be do not count
    shown = {(r.newer, r.older) for r in found.regressions()}
    assert shown == {(3, 1), (3, 2)}


def test_shares_of_a_state_add_up_to_one_at_most_whatever_stood_before_it_at_what_time(tmp_path: Path) -> None:
    """A is rolled back, and B is rebuilt: the state after B, whose build stays the same, meets both at the same distance."""
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    start, rebuilt = Build("p", "r", "s"), Build("p", "r", "b2")
    INCUMBENT.record(ledger, {}, Begun(start, ""))
    states = [Standing(None, start), *(Standing(name, build) for name, build in (("a", A), ("b", B), ("c", C)))]
    for k in (1, 2, 3):
        apply_step(k, f"{k}").record(ledger, {}, Applied(states[k].incumbent, states[k - 1].incumbent, "", "abc"[k - 1], k))
    see(ledger, 0, [(k, state.incumbent, 0.5) for k, state in enumerate(states)])
    left = (states[0], Standing("b", rebuilt), states[3])
    rollback(0, 0).record(ledger, {}, RolledBack(C, "", "a", "", {}, ("b", "c"), left, ()))
    see(ledger, 1, [(k, state.incumbent, 0.5) for k, state in enumerate(left)])
    found = Evidence(recorded(ledger), lineage(ledger), 0.03)
    assert [found.meeting(2, k) for k in range(2)] == [Meeting(0, 3), Meeting(1, 4)]
    assert found.meeting(1, 0) == Meeting(1, 1)


def test_a_harm_that_a_later_gain_hides_is_shown_by_the_pair_and_one_that_goes_on_by_all_states(tmp_path: Path) -> None:
    hidden = evidence([A, B, C], [{0: 0.5, 1: 0.4, 2: 0.6}] * 4, tmp_path)
    assert {(r.newer, r.older) for r in hidden.regressions()} == {(1, 0)}
    assert hidden.suspect(range(2, 3)) is None
    (tmp_path / "ledger.sqlite").unlink()
    lasting = evidence([A, B, C, D], [{0: 0.5, 1: 0.4, 2: 0.4, 3: 0.4}] * 4, tmp_path)
    assert {r.newer for r in lasting.regressions() if r.older is None} >= {1}
    assert {lasting.at_fault(r) for r in lasting.regressions()} == {1}
    assert lasting.suspect(range(1, 3)) == 1
    assert lasting.suspect(range(0)) is None


def test_the_games_of_the_strongest_gambler_are_those_that_are_reported(tmp_path: Path) -> None:
    """The states from the first on were better for three rounds; since a change joined them, they are worse."""
    found = evidence([A, B, C], [{0: 0.5, 1: 0.7}] * 3 + [{0: 0.5, 2: 0.3}] * 2, tmp_path)
    pooled = found.pooled(1)
    assert [games.first for games in pooled.games] == [144, 192]
    assert np.concatenate(pooled.differences).mean() == pytest.approx(-0.2)


def test_later_states_have_higher_bars_which_bounds_the_whole_run(tmp_path: Path) -> None:
    found = evidence([A, B, C, D], [{0: 0.9, 1: 0.6, 2: 0.3, 3: 0.0}] * 4, tmp_path)
    spent = sum(np.exp(-r.bar) for r in found.regressions())
    assert len(list(found.regressions())) == 3 + 3 + 2 + 1
    assert spent < regressions.REGRESSION_ALPHA
    bars = {r.newer: r.bar for r in found.regressions() if r.older is None}
    assert bars[1] < bars[2] < bars[3]
