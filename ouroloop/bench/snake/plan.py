"""`ouroloop bench plan`: microseconds per shortest path and per distance, beside networkx, rustworkx, tcod and pyastar2d.

The positions come from games of two teachers, plain A* (short snakes) and the strongest teacher (all lengths up to the full
board). There is one position for each length of the snake, so that short and long snakes count alike.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.timing import Report, ask_peer, cpu_share, machine, rounds, significant
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.settings import PLAIN
from ouroloop.envs.snake.oracle.astar import astar_all, distance_all, lanes_for, shortest_paths
from ouroloop.envs.snake.record import SNAKE_LENGTH, record
from ouroloop.envs.snake.teacher_data import observations_of
from ouroloop.protocols.seeds import game_seeds

SIZES: Final = (10, 30, 64)
GROWTH_SIZES: Final = (6, 8, 10, 16, 24, 32, 48, 64, 96, 128)
TEACHERS: Final = ("astar", "best")
POSITIONS: Final = 400


def measure(peers: Path, count: int, seconds: float, report: Report) -> dict[str, Any]:
    """Return the document: by teacher and size, our and the peers' microseconds, ratios, and equal first moves.

    Args:
        peers: folder of the peers' environments.
        count: interleaved rounds.
        seconds: for each case in each round.
        report: called with the progress.
    """
    found: dict[str, Any] = {"unit": "microseconds of processor time"}
    parts = [(teacher, size) for teacher in TEACHERS for size in SIZES]
    for index, (teacher, size) in enumerate(parts):
        report(f"{size} x {size}, positions of {teacher}", index / (len(parts) + 1))
        found.setdefault(teacher, {})[str(size)] = compare(positions(teacher, size), peers, count, seconds)
    report("growth", len(parts) / (len(parts) + 1))
    return found | {"growth": growth(count, seconds), "machine": machine()}


def positions(teacher: str, size: int) -> SnakeEngine:
    """Return positions of the teacher's games, spread evenly over the lengths that it reaches."""
    games = max(1, min(64, 6400 // size**2))
    seeds = np.array(game_seeds(11, "bank", 0, games), np.uint64)
    part = record(teacher, seeds, size, per_length=2)
    order = np.argsort(part.table[:, SNAKE_LENGTH], kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(POSITIONS, len(order))).astype(int)]
    return SnakeEngine.of(observations_of(part, size).take(chosen), PLAIN)


def compare(bank: SnakeEngine, peers: Path, count: int, seconds: float) -> dict[str, Any]:
    """Return our figures and the peers' on the same positions."""
    answers: list[dict[str, Any]] = []
    observations = bank.observations()
    with tempfile.TemporaryDirectory() as scratch:
        file, columns = Path(scratch) / "positions.npz", observations.columns
        np.savez(file, board=columns["board"], head=columns["snake"][:, 0], food=columns["food"], size=bank.size)

        def ask(index: int) -> None:
            limit = str(bank.games if bank.size <= 30 else 100)
            arguments = ["--positions", str(file), "--limit", limit, "--seconds", str(seconds), "--repeats", "1"]
            answer = ask_peer(peers, "planners", "planners.py", arguments)
            if answer is not None:
                answers.append(answer)

        rates = rounds(cases(bank), count, seconds, ask)
    found: dict[str, Any] = {
        "positions": bank.games,
        "mean_length": significant(float(bank.lengths.mean())),
        "no_path_share": significant(float((shortest_paths(bank)[0] < 0).mean())),
        "ours": {name: significant(1e6 / r.median) for name, r in rates.items()},
        "cpu_share": cpu_share(rates),
    }
    if answers:
        micros = {name: float(np.median([a["cpu_micros"][name] for a in answers])) for name in answers[0]["cpu_micros"]}
        moves = np.array(answers[0]["networkx_first_moves"])
        same = shortest_paths(bank)[1][: len(moves)] == moves
        found["peers"] = {name: significant(value) for name, value in micros.items()}
        found["first_moves_equal_networkx"] = f"{int(same.sum())} of {len(moves)}"
        found["ratios"] = {
            f"{peer} / our {mine}": significant(value / found["ours"][mine])
            for mine in ("path", "distance")
            for peer, value in micros.items()
        }
    return found


def cases(bank: SnakeEngine) -> dict[str, Callable[[], int]]:
    """Return work that plans on all positions: paths with their first moves, and distances alone."""
    lengths, moves = np.zeros(bank.games, np.int32), np.zeros(bank.games, np.int8)
    lanes, again = lanes_for(bank.size), max(1, 2000 // max(1, bank.games))

    def path() -> int:
        for _ in range(again):
            astar_all(bank.state, bank.size, lanes, lengths, moves)
        return bank.games * again

    def distance() -> int:
        for _ in range(again):
            distance_all(bank.state, bank.size, lengths)
        return bank.games * again

    return {"path": path, "distance": distance}


def growth(count: int, seconds: float) -> dict[str, dict[str, float]]:
    """Return microseconds by board size, on positions of the A* teacher."""
    out: dict[str, dict[str, float]] = {"path": {}, "distance": {}}
    for size in GROWTH_SIZES:
        for name, found in rounds(cases(positions("astar", size)), count, seconds / 4).items():
            out[name][str(size)] = significant(1e6 / found.median)
    return out
