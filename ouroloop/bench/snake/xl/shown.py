"""The table that the command prints of a result file."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ouroloop.bench.snake.xl.results import Figures, Result
from ouroloop.protocols.text import plain_line


def table(file: str, result: Result) -> RenderableType:
    """Return a result as a table, a row for each board, and a line about all of them."""
    grid = Table(
        plain_line(result.player.name, 40), "games", "score [95 %]", "won [95 %]", "optimality", "utility", "ended by",
        "decisions/s", "tokens/s", pad_edge=False,
    )  # fmt: skip
    for played in result.boards:
        if played.figures is None:
            grid.add_row(played.board.name, "", f"cannot play: {plain_line(played.cannot_play, 60)}")
        else:
            grid.add_row(played.board.name, *_row(played.figures))
    found = result.overall
    state = "" if found.complete else "; not complete"
    line = f"{plain_line(file)}: score {found.utility:.4f} over all boards, {found.boards} of them played{state}"
    return Group(grid, Text(line), Text())


def _row(found: Figures) -> list[str]:
    score, won = found.score, found.win_rate
    ends = ", ".join(f"{plain_line(cause, 20)} {count}" for cause, count in found.causes.items())
    speeds = ["" if rate is None else f"{rate:,.0f}" for rate in (found.decisions_per_s, found.tokens_per_s)]
    return [
        str(found.games),
        f"{score.mean:.2f} [{score.low:.2f}, {score.high:.2f}]",
        f"{won.mean:.0%} [{won.low:.0%}, {won.high:.0%}]",
        f"{found.path_optimality:.3f}",
        f"{found.utility:.4f}",
        ends,
        *speeds,
    ]
