"""The policies' benchmark as tables; sections that were not measured are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rich.table import Table

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.policy.report.demands import demands
from ouroloop.bench.policy.report.scores import baselines, distill, gain, quantise, scratch, shipped
from ouroloop.bench.policy.report.wording import clear, groups


def tables(document: dict[str, Any]) -> list[Table]:
    """Return the tables of all sections that a document holds, the demands first."""
    asked = demands(document)
    found = [asked] if asked.row_count else []
    for name, tables_of in TABLES.items():
        section = document.get(name)
        if section is not None and "missing" not in section:
            found += tables_of(section)
    return [*found, seconds(document)]


def throughput(section: dict[str, Any]) -> list[Table]:
    """Return states per second of both trainers, and decisions per second of all players by batch."""
    updates, decisions = section["updates"], section["decisions"]
    names = (f"states/s, beside TRL {updates['trl']}", "ours", "TRL's", "ratio", "gradients apart", "states x G")
    rows = [
        (f"{size} x {size}", *board["states_per_s"].values(), board["ratio"], board["relative_difference"], groups(board))
        for size, board in updates["boards"].items()
    ]
    batches = [row["batch"] for row in decisions["decisions_per_cpu_s"]]
    players = [name for name in decisions["decisions_per_cpu_s"][0] if name != "batch"]
    speed = (f"decisions/s by CPU time, {decisions['policy']}", *(f"batch {batch}" for batch in batches), "same moves")
    rates = [
        (name, *(row[name] for row in decisions["decisions_per_cpu_s"]), f"{decisions['same_moves'].get(name, 1):.2%}")
        for name in players
    ]
    return [grid(names, rows), grid(speed, rates)]


def failures(section: dict[str, Any]) -> list[Table]:
    """Return each case with its exit code and its message."""
    rows = [
        (row["case"], f"{row['exit_code']} ({row['expected_exit_code']})", clear(row), row["said"].removeprefix("ouroloop: "))
        for row in section["rows"]
    ]
    return [grid(("what goes wrong", "exit code (expected)", "clear", "what was said"), rows)]


def gpu(section: dict[str, Any]) -> list[Table]:
    """Return tokens per second and the share of the chip's peak."""
    names = (f"training on {section['device']}, peak {section['peak_tflops']:g} Tflop/s", "tokens/s", "Tflop/s", "of the peak")
    rows = [(name, row["tokens_per_s"], row["tflops"], f"{row['of_peak']:.3%}") for name, row in section["training"].items()]
    return [grid(names, rows)]


def seconds(document: dict[str, Any]) -> Table:
    """Return how long each section took."""
    return grid(("section", "s"), document["seconds"].items())


TABLES: Final[dict[str, Callable[[dict[str, Any]], list[Table]]]] = {
    "scratch": scratch,
    "shipped": shipped,
    "gain": gain,
    "throughput": throughput,
    "gpu": gpu,
    "failures": failures,
    "distill": distill,
    "quantise": quantise,
    "baselines": baselines,
}
