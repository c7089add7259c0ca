"""Progress: what a person is told while a command works, on a terminal and off it."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from ouroloop.runs.lifecycle import create
from ouroloop.runs.progress import SILENCE_S, Lines, Quiet, Standing, progress
from tests.runs.small_run import micro


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_run_tells_round_phase_work_games_tokens_cost_and_the_time_left(clock: Clock) -> None:
    told = Standing(clock)
    told.phase(0, 4, "start")
    assert told.line() == "start; 0:00 since the command began"
    told.phase(1, 4, "observe")
    told.games, told.tokens, told.cost_usd = 96, 5000, 0.25
    clock.now = 60
    told.advance("race", 0.5, "3 racing")
    assert (
        told.line() == "round 1 of 4, observe; race 50% (3 racing); 96 games, 5000 tokens, 0.25 USD, "
        "1:00 since the command began"
    )
    told.phase(1, 4, "gate")
    clock.now = 90
    told.phase(2, 4, "observe")
    assert told.line().endswith("1:30 since the command began, about 4:30 left")
    clock.now = 120
    assert told.line().endswith("2:00 since the command began, about 4:00 left")
    clock.now = 170  # this time it takes longer than before
    assert told.line().endswith("2:50 since the command began, about 3:30 left")
    told.phase(2, 4, "gate")
    clock.now = 180
    assert told.left_s() == 20 + 2 * (70 + 30)  # observe took 60 and 80


def test_a_run_estimates_nothing_before_it_has_seen_a_whole_round(clock: Clock) -> None:
    """A resumed run begins inside a round, maybe in its last phase, which says nothing of the others."""
    told = Standing(clock)
    for at, round, phase in ((0, 7, "watch"), (1, 8, "observe"), (41, 8, "watch")):
        clock.now = at
        told.phase(round, 10, phase)
        assert told.left_s() is None
    clock.now = 51
    told.phase(9, 10, "observe")
    assert told.left_s() == 2 * 50


def test_a_long_start_says_nothing_of_the_rounds(clock: Clock) -> None:
    told = Standing(clock)
    told.phase(0, 2, "start")
    clock.now = 500
    told.advance("sft", 0.9, "")
    assert told.left_s() is None
    told.phase(1, 2, "observe")
    clock.now = 510
    told.phase(2, 2, "observe")
    assert told.left_s() == 10


def test_other_work_tells_the_time_left_by_the_share_that_is_done(clock: Clock) -> None:
    told = Standing(clock)
    told.advance("train sft", 0.0, "")
    clock.now = 3
    told.advance("train sft", 0.001, "step 1")
    assert told.left_s() is None  # most of that was not the work itself
    clock.now = 30
    told.advance("train sft", 0.25, "step 5")
    assert told.line() == "train sft 25% (step 5); 0:30 since the command began, about 1:30 left"
    told.advance("evaluate", 0.0, "")
    clock.now = 40
    told.advance("evaluate", 0.5, "")
    assert told.line() == "evaluate 50%; 0:40 since the command began, about 0:10 left"


def test_off_a_terminal_silence_ends_after_a_while_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert SILENCE_S < 30
    shown = Lines(0.05)
    shown.advance("train \x1b[2Jsft", 0.5, "\u202eloss")
    time.sleep(0.3)
    shown.stop()
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 6
    assert lines[0].startswith("ouroloop: train \\x1b[2Jsft 50% (\\u202eloss); 0:00 since the command began, about 0:00 left")


def test_a_note_counts_as_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Lines(0.4)
    for _ in range(3):
        time.sleep(0.25)
        shown.note("still here")
    shown.stop()
    assert capsys.readouterr().err.splitlines() == ["ouroloop: still here"] * 3


def test_no_silence_is_longer_than_it_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Lines(1.0)
    time.sleep(0.2)
    shown.note("still here")
    time.sleep(1.5)  # a clock that only ticked every second would speak after 2
    shown.stop()
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_line_is_told_while_the_work_goes_on(clock: Clock) -> None:
    class GoesOn(str):
        def __format__(self, spec: str) -> str:
            told.work["another"] = (0.5, "")
            return "going on"

    told = Standing(clock)
    told.work["one"] = (0.5, GoesOn("x"))
    assert told.line() == "starting; one 50% (going on); 0:00 since the command began"


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    import sys

    with progress() as shown:
        shown.phase(1, 4, "gate")
        shown.advance("[move]", 0.5, "[/INST]\x1b]52;c;x\x07")
        shown.used(700, 0.5)
        shown.note("see [bold]this[/bold] \x1b[31m")
        time.sleep(0.2)
    drawn = sys.stderr.getvalue()
    for part in ("round 1 of 4, gate", "[move]", "[/INST]\\x1b]52;c;x\\x07", "700 tokens", "see [bold]this[/bold] \\x1b[31m"):
        assert part in drawn
    assert "\x1b]" not in drawn


def test_the_seeds_of_an_ablation_are_not_called_fixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create(micro(), tmp_path / "ablated", Quiet(), tell_seed=False)
    assert "is fixed" not in capsys.readouterr().err
    create(micro(), tmp_path / "alone", Quiet())
    assert "seed 3 is fixed" in capsys.readouterr().err
