"""A run in the terminal while it goes on, and curves in a word."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ouroloop.inspect.page.following import follow, panel
from ouroloop.inspect.page.reading import Reading
from ouroloop.inspect.shown.sparkline import BLOCKS, sparkline
from ouroloop.ledger.lock import locked
from ouroloop.ledger.sqlite import Ledger
from ouroloop.terminal import text_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_is_followed_until_it_rests(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    lock = locked(copy)
    lock.__enter__()
    looks = 0

    def sleep(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            with closing(Ledger(copy / "ledger.sqlite")) as writer:
                writer.record("3/observe/x", "run.note", {}, {})
        if looks == 3:
            lock.__exit__(None, None, None)

    follow(copy, sleep)
    assert looks == 3
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2  # a line only when something else goes on
    assert said[1].startswith("round 3: watching the incumbent play; score ")


def test_the_panel_tells_what_the_page_tells(finished: Path) -> None:
    reading = Reading()
    with reading.open(finished) as opened:
        text = text_of(panel(opened, "round 2: at work"), 120)
        now = opened.outline.measures_now()
    reading.close()
    assert now is not None
    assert f"{now.score.mean:.1f}" in text
    assert "round 2: at work" in text
    assert "races" in text


@pytest.mark.parametrize(
    ("values", "shown"),
    [([], ""), ([3.0], BLOCKS[0]), ([1, 1], BLOCKS[0] * 2), (range(8), BLOCKS), ([2, 1], BLOCKS[-1] + BLOCKS[0])],
)
def test_blocks_rise_with_the_values(values: list[float], shown: str) -> None:
    assert sparkline(values) == shown


def test_many_values_keep_their_ends() -> None:
    assert len(sparkline(range(1000))) == 24
    assert sparkline(range(1000))[0] + sparkline(range(1000))[-1] == BLOCKS[0] + BLOCKS[-1]
