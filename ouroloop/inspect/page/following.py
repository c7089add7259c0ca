"""A run in the terminal while it goes on: the panels of the page in small."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from ouroloop.inspect.page.reading import Reading
from ouroloop.inspect.page.views.run import budget, counts
from ouroloop.inspect.page.views.saying import MODES, became, going_on, interval, score_path
from ouroloop.inspect.shown.sparkline import sparkline
from ouroloop.terminal import Plain, cell, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ouroloop.inspect.page.reading import Opened

LOOK_S: Final = 1.0
ROUNDS: Final = 8
"""The last rounds that are shown."""


def follow(folder: Path, sleep: Callable[[float], None] = time.sleep) -> None:
    """Show a run until nobody is at work in it. Without a terminal, print a line whenever something else goes on.

    Args:
        folder: the run directory.
        sleep: waits for the given number of seconds.

    Raises:
        UsageError: it is no run directory.
        LedgerError: it is damaged.
    """
    reading, console, said = Reading(), Plain(), ""
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
    try:
        if live is not None:
            live.start()
        while True:
            with reading.open(folder) as opened:
                now = going_on(opened)
                if live is not None:
                    live.update(panel(opened, now), refresh=True)
                elif now and now != said:
                    say(f"{now}; score {interval(opened.outline.measures_now()) or 'not measured yet'}")
            if not now:
                return
            said = now
            sleep(LOOK_S)
    finally:
        if live is not None:
            live.stop()
        reading.close()


def panel(opened: Opened, now: str) -> RenderableType:
    """Return a run as it is: scores, what became of its candidates, the error budget, the last rounds."""
    outline = opened.outline
    spending, met = budget(outline), counts(outline)
    facts = Table.grid(padding=(0, 2))
    facts.add_row("now", cell(now, "bold green"))
    facts.add_row("score", f"{interval(outline.start_measures) or '-'}  →  {interval(outline.measures_now()) or '-'}")
    facts.add_row("scores", sparkline(score_path(outline), 60))
    facts.add_row(
        "candidates", ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in met.items() if count) or "none yet"
    )
    facts.add_row("budget", f"{spending.share:.0%} of {spending.alpha:g} spent on {spending.races} races")
    facts.add_row(
        "used",
        f"{outline.games:,} games, {outline.tokens:,} tokens" + (f", {outline.cost_usd:.4f} USD" if outline.cost_usd else ""),
    )
    rounds = Table("round", "asked for", "what became of it", "score after", pad_edge=False, expand=True)
    for index in sorted(outline.rounds)[-ROUNDS:]:
        entry = outline.rounds[index]
        mode = MODES.get(entry.mode or "", entry.mode or "")
        rounds.add_row(str(index), mode, became(outline.of_round(index), entry.lost), interval(entry.measures))
    return Panel(Group(facts, rounds), title=cell(opened.name), title_align="left")
