"""The table of a run's history: a row for the start, every round and every rollback by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

from ouroloop.inspect.history import history
from ouroloop.inspect.shown.credit import share_figures

if TYPE_CHECKING:
    from ouroloop.inspect.document import RunDocument
    from ouroloop.inspect.history import State

WIDE: Final = 110
"""The columns of a terminal from which on every figure has a column of its own."""
NAMES: Final = {"start": "start", "rollback": "by hand"}


def history_table(document: RunDocument, width: int) -> Table:
    """Return the table: the best score so far, what changed, and whose gain it was.

    Args:
        document: the run's.
        width: the columns of the terminal.
    """
    states = history(document)
    table = _wide(states) if width >= WIDE else _narrow(states)
    table.title, table.title_justify = "reward and patch history", "left"
    return table


def _wide(states: list[State]) -> Table:
    """Return the table with a column for each figure."""
    table = Table(pad_edge=False)
    for name in ("round", "best score", "reward change", "patch lines", "gain in utility [95 %]", "whose gain"):
        table.add_column(name, justify="right" if name in ("round", "best score", "patch lines") else "left")
    for state in states:
        gain = share_figures(state.gain) if state.gain else "-"
        table.add_row(_name(state), f"{state.best:.1f}", state.reward, str(state.lines), gain, _owner(state) or "-")
    return table


def _narrow(states: list[State]) -> Table:
    """Return the table with all but the best score below one another, a line each."""
    table = Table(pad_edge=False)
    table.add_column("round", justify="right")
    table.add_column("best score", justify="right")
    table.add_column("what changed, the gain in utility [95 %], and whose gain it is")
    for state in states:
        said = [f"reward: {state.reward}"] if state.reward != "-" else []
        said += [f"patch lines: {state.lines}"] if state.lines else []
        said += [f"gain: {share_figures(state.gain)}"] if state.gain else []
        said += [f"whose gain: {_owner(state)}" if state.gain else state.note] if _owner(state) else []
        table.add_row(_name(state), f"{state.best:.1f}", "\n".join(said) or "-")
    return table


def _name(state: State) -> str:
    return str(state.round) if state.kind == "round" else NAMES[state.kind]


def _owner(state: State) -> str:
    """Return whose gain it was, and what has been rolled back."""
    return "; ".join([*([state.gain["owner"]] if state.gain else []), *([state.note] if state.note else [])])
