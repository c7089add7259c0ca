"""`ouroloop bench engine`: steps per second, fused, by the batch call and through Gymnasium, beside three peers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ouroloop.bench.snake.actions import ACTIONS
from ouroloop.bench.snake.document import document
from ouroloop.bench.snake.ways import BATCHES, SIZE, batch_call, fused, single
from ouroloop.bench.timing import Report, ask_peer, machine, rounds, significant

GROWTH_BATCHES: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)
GROWTH_SIZES: Final = (6, 8, 10, 16, 24, 32, 48, 64, 96, 128)


def measure(peers: Path, count: int, seconds: float, report: Report) -> dict[str, Any]:
    """Return the document; million steps per second of one core's processor time.

    Args:
        peers: folder of the peers' environments.
        count: interleaved rounds.
        seconds: for each case in each round.
        report: called with the progress.
    """
    cases: dict[str, Callable[[], int]] = {f"fused {games}": fused(games, SIZE) for games in BATCHES}
    shares = {}
    for kind in ACTIONS:
        for games in BATCHES:
            cases[f"batch {kind} {games}"], shares[f"{kind} {games}"] = batch_call(games, kind)
    cases |= {"single bare": single(False), "single made": single(True)}
    heard: dict[str, list[dict[str, Any]]] = {name: [] for name in ("puffer", "jumanji", "gymsnake")}

    def ask(index: int) -> None:
        drivers = {"puffer": "puffer.py", "jumanji": "jumanji_snake.py", "gymsnake": "gymsnake.py"}
        for name, driver in drivers.items():
            report(f"round {index + 1} of {count}: {name}", index / (count + 1))
            found = ask_peer(peers, name, driver, ["--seconds", str(seconds), "--repeats", "1"])
            if found is not None:
                heard[name].append(found)

    report("compiling", 0.0)
    rates = rounds(cases, count, seconds, ask)
    report("growth", count / (count + 1))
    return document(rates, shares, heard) | {"growth": growth(count, seconds), "machine": machine()}


def growth(count: int, seconds: float) -> dict[str, dict[str, float]]:
    """Return the fused rate by board size (256 games) and the batch call's rate by number of games."""
    sizes = {str(size): fused(256, size) for size in GROWTH_SIZES}
    batches = {str(games): batch_call(games, "legal")[0] for games in GROWTH_BATCHES}
    by_size, by_batch = rounds(sizes, count, seconds / 4), rounds(batches, count, seconds / 4)
    return {
        "fused_by_size": {name: significant(r.median / 1e6) for name, r in by_size.items()},
        "batch_call_by_games": {name: significant(r.median / 1e6) for name, r in by_batch.items()},
    }
