"""The runs of an ablation as one table, a row per run, for other programs: CSV and Arrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ouroloop.atomic import whole_file
from ouroloop.inspect.ablation.document import FIGURES, MEASURES, Ablation, VariedRun
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS: Final = (*MEASURES, *FIGURES)
"""Columns of float64; what was not measured is null."""


def runs_table(document: Ablation) -> pa.Table:
    """Return a row per run: its arm, the arm's values of the varied keys, each in a column under its name, and the figures."""
    import pyarrow as pa

    keys = list(next(iter(document["settings"].values())))
    rows = [_row(document, run, keys) for run in document["runs"]]
    texts = [pa.field(name, pa.string(), nullable=False) for name in ("run", "arm", *keys)]
    schema = pa.schema(
        [
            *texts,
            pa.field("seed", pa.int64(), nullable=False),
            *(pa.field(name, pa.float64()) for name in (*NUMBERS, _start(document))),
            pa.field("tokens", pa.int64(), nullable=False),
            *(pa.field(name, pa.string(), nullable=False) for name in ("digest", "status")),
        ]
    )
    return pa.Table.from_pylist(rows, schema)


def _row(document: Ablation, run: VariedRun, keys: list[str]) -> dict[str, object]:
    arm = run["value"]
    return {
        **{key: document["settings"][arm][key] for key in keys},
        **{key: value for key, value in run.items() if key not in ("value", "start")},
        "arm": arm,
        _start(document): run["start"],
    }


def _start(document: Ablation) -> str:
    """Return the name of the column with the compared measure of the first incumbent."""
    return f"start_{document['measure']}"


def write_csv(table: pa.Table, path: Path) -> None:
    """Write the table as CSV. Raises SurroundingsError if it cannot be written."""
    from pyarrow import csv

    try:
        with whole_file(path) as half:
            csv.write_csv(table, half)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_arrow(table: pa.Table, path: Path) -> None:
    """Write the table as an Arrow IPC file (Feather V2), uncompressed. Raises SurroundingsError if it cannot be written."""
    import pyarrow as pa

    try:
        with whole_file(path) as half, pa.OSFile(str(half), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SurroundingsError:
    return SurroundingsError(f"{path} cannot be written ({error.strerror or error}): choose another place")
