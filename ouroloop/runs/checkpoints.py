"""LangGraph's checkpoints of a run, kept in its ledger and read as plain data.

LangGraph's own reader makes any object that a checkpoint names: a ledger from a stranger would run code. Ours knows numbers,
texts, lists and tables, which is all that the state of a run needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from ouroloop.ledger.connecting import MAX_VALUE
from ouroloop.ledger.faults import damaged, of_sqlite


class PlainSerializer(JsonPlusSerializer):
    """Writes as LangGraph does, but reads nothing that names a class."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return a value of plain types. Raises ValueError for any other."""
        kind, packed = data
        if kind == "null":
            return None
        if kind != "msgpack":
            raise ValueError(f"a value of type {kind!r:.40}, expected msgpack")
        return ormsgpack.unpackb(packed)  # without a hook, an extension type is an error


@contextmanager
def checkpoints(ledger: Path) -> Iterator[SqliteSaver]:
    """Give the checkpoints in a ledger.

    Raises:
        LedgerError: another process holds the file, or it cannot be written.
        SurroundingsError: the disk is full.
    """
    with closing(sqlite3.connect(ledger, timeout=10, check_same_thread=False)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
        try:
            yield SqliteSaver(connection, serde=PlainSerializer())
        except sqlite3.Error as error:
            raise of_sqlite(ledger, error) from error


def begun(graph: Any, config: Any, ledger: Path) -> tuple[int | None, bool]:
    """Return the round that a graph's checkpoint names (None without a checkpoint), and whether the graph had ended.

    Raises:
        LedgerError: the checkpoint is damaged.
    """
    try:
        known = graph.get_state(config)
        if not known.values:
            return None, False
        round = known.values["round"]
    except sqlite3.Error:
        raise
    except Exception as error:  # the boundary: LangGraph takes a checkpoint's form for granted
        raise damaged(ledger, f"its checkpoint: {type(error).__name__}: {error}") from error
    if type(round) is not int or not 0 <= round < 1 << 31:
        raise damaged(ledger, f"its checkpoint: {round!r} is no round")
    return round, not known.next
