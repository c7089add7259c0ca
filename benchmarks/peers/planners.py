"""Time shortest-path libraries on recorded Snake positions: microseconds per path.

Run in an environment with numpy, networkx, rustworkx, tcod and pyastar2d:

    python planners.py --positions FILE.npz --limit 500 --seconds 1.0 --repeats 5 [--cpu 0]

FILE.npz holds board (P, N) uint8 with 0 empty, 1 body, 2 head, 3 food, 4 wall; head (P,) and food (P,) cells in
row-major order; and the scalar size, N = size * size. One JSON object is printed on stdout.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1"))

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import networkx as nx
import numpy as np
import pyastar2d
import rustworkx as rx
import tcod.path

Cell = tuple[int, int]
Path = list[Cell]

BODY, WALL = 1, 4
MOVES = {(-1, 0): 0, (1, 0): 1, (0, -1): 2, (0, 1): 3}
NOTES = {
    "common": "From a position to the list of cells on a shortest path, head and food included (empty when there is "
    "none). The whole body, its tail too, and the walls block; no diagonals. The board as a 2-D array, the blocked "
    "cells as tuples and node numbers, head and food as tuples are made before the timing, as each library takes them. "
    "One figure per repeat is the mean over the positions reached in --seconds; the median over repeats is given.",
    "networkx": "Per position: nx.grid_2d_graph(size, size), remove_nodes_from(body and walls), "
    "nx.astar_path(G, head, food, heuristic=manhattan); NetworkXNoPath caught.",
    "rustworkx": "Per position: rx.generators.grid_graph(size, size, weights=cells), remove_nodes_from(body and "
    "walls), rx.graph_astar_shortest_path with Python callbacks for goal, cost 1.0 and manhattan; NoPathFound caught. "
    "The list of (row, col) payloads is made once per size.",
    "tcod": "Per position: int8 cost array from the board (0 blocked, 1 free), tcod.path.AStar(cost, diagonal=0), "
    "get_path (its list starts after the head).",
    "pyastar2d": "Per position: float32 cost array from the board (inf blocked, 1 free), "
    "pyastar2d.astar_path(cost, head, food, allow_diagonal=False); the result is an (L, 2) array or None.",
}


@dataclass(frozen=True)
class Position:
    """One Snake position in the forms that the libraries take."""

    size: int
    board: np.ndarray  # (size, size) uint8
    blocked: list[Cell]
    blocked_nodes: list[int]
    cells: list[Cell]  # every cell in row-major order, shared between positions
    head: Cell
    food: Cell


def load(file: str, limit: int) -> list[Position]:
    """Read the first ``limit`` positions of ``file``."""
    with np.load(file) as data:
        size = int(data["size"])
        boards = data["board"][:limit].reshape(-1, size, size)
        heads, foods = data["head"][:limit].tolist(), data["food"][:limit].tolist()
    cells = [(row, col) for row in range(size) for col in range(size)]
    positions = []
    for board, head, food in zip(boards, heads, foods, strict=True):
        nodes = np.flatnonzero((board == BODY) | (board == WALL)).tolist()
        blocked = [cells[node] for node in nodes]
        positions.append(Position(size, board, blocked, nodes, cells, cells[head], cells[food]))
    return positions


def manhattan(a: Cell, b: Cell) -> int:
    """Return the grid distance between two cells."""
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def plan_networkx(position: Position) -> Path:
    """Rebuild the grid graph, drop the blocked nodes and run A*, as Snake tutorials do."""
    graph = nx.grid_2d_graph(position.size, position.size)
    graph.remove_nodes_from(position.blocked)
    try:
        path: Path = nx.astar_path(graph, position.head, position.food, heuristic=manhattan)
    except nx.NetworkXNoPath:
        return []
    return path


def plan_rustworkx(position: Position) -> Any:
    """Build the grid graph, drop the blocked nodes and run A*; return node numbers."""
    graph = rx.generators.grid_graph(position.size, position.size, weights=position.cells)
    graph.remove_nodes_from(position.blocked_nodes)
    row, col = food = position.food
    try:
        return rx.graph_astar_shortest_path(
            graph,
            position.head[0] * position.size + position.head[1],
            lambda cell: cell == food,
            lambda _edge: 1.0,
            lambda cell: float(abs(cell[0] - row) + abs(cell[1] - col)),
        )
    except rx.NoPathFound:
        return []


def plan_tcod(position: Position) -> Any:
    """Turn the board into costs and run tcod's A*; the head is not in the path."""
    cost = ((position.board != BODY) & (position.board != WALL)).astype(np.int8)
    return tcod.path.AStar(cost, diagonal=0).get_path(*position.head, *position.food)


def plan_pyastar2d(position: Position) -> Any:
    """Turn the board into costs and run pyastar2d; return an (L, 2) array or None."""
    free = (position.board != BODY) & (position.board != WALL)
    cost = np.where(free, np.float32(1), np.float32(np.inf))
    return pyastar2d.astar_path(cost, position.head, position.food, allow_diagonal=False)


PLANNERS: dict[str, Callable[[Position], Any]] = {
    "networkx": plan_networkx,
    "rustworkx": plan_rustworkx,
    "tcod": plan_tcod,
    "pyastar2d": plan_pyastar2d,
}


def steps(name: str, path: Any) -> int:
    """Return the number of moves in what planner ``name`` returned, -1 for no path."""
    if path is None or len(path) == 0:
        return -1
    return len(path) - (name != "tcod")


def first_move(path: Path) -> int:
    """Return the direction of the first move (0 up, 1 down, 2 left, 3 right) or -1."""
    if len(path) < 2:
        return -1
    (row, col), (next_row, next_col) = path[:2]
    return MOVES[next_row - row, next_col - col]


def timed(plan: Callable[[Position], Any], positions: list[Position], seconds: float) -> tuple[float, int, float]:
    """Plan from as many positions as ``seconds`` allow; return wall seconds, their number and CPU seconds."""
    count, start, cpu = 0, time.perf_counter(), time.process_time()
    for position in positions:
        plan(position)
        count += 1
        if count % 16 == 0 and time.perf_counter() - start > seconds:
            break
    return time.perf_counter() - start, count, time.process_time() - cpu


def main() -> None:
    """Parse the options, check that the planners agree, time them in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", required=True, help="the .npz file")
    parser.add_argument("--limit", type=int, default=1000, help="use the first so many positions")
    parser.add_argument("--seconds", type=float, default=1.0, help="longest timed run of one planner")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each planner, interleaved")
    parser.add_argument("--cpu", type=int, help="pin the process to this core")
    args = parser.parse_args()
    if args.cpu is not None:
        os.sched_setaffinity(0, {args.cpu})
    warnings.simplefilter("ignore")

    positions = load(args.positions, args.limit)
    first_moves: list[int] = []
    lengths: dict[str, list[int]] = {}
    for name, plan in PLANNERS.items():  # every position once: the check, and the warm-up
        paths = [plan(position) for position in positions]
        lengths[name] = [steps(name, path) for path in paths]
        if name == "networkx":
            first_moves = [first_move(path) for path in paths]

    micros: dict[str, list[float]] = {name: [] for name in PLANNERS}
    cpu_micros: dict[str, list[float]] = {name: [] for name in PLANNERS}
    counts: dict[str, int] = {}
    wall_sum = cpu_sum = 0.0
    for _ in range(args.repeats):
        for name, plan in PLANNERS.items():
            wall, count, cpu = timed(plan, positions, args.seconds)
            micros[name].append(wall / count * 1e6)
            cpu_micros[name].append(cpu / count * 1e6)
            counts[name] = max(count, counts.get(name, 0))
            wall_sum, cpu_sum = wall_sum + wall, cpu_sum + cpu

    result = {
        "peer": "planners",
        "versions": {name: version(name) for name in PLANNERS},
        "unit": "microseconds per path (median of repeats)",
        "size": positions[0].size,
        "positions": len(positions),
        "positions_timed": counts,
        "no_path": lengths["networkx"].count(-1),
        "seconds": args.seconds,
        "repeats": args.repeats,
        "cpu_share": round(cpu_sum / wall_sum, 3),
        "micros": {name: round(statistics.median(values), 3) for name, values in micros.items()},
        "cpu_micros": {name: round(statistics.median(values), 3) for name, values in cpu_micros.items()},
        "length_mismatches": {
            name: sum(a != b for a, b in zip(lengths[name], lengths["networkx"], strict=True)) for name in PLANNERS
        },
        "notes": NOTES,
        "networkx_path_lengths": lengths["networkx"],
        "networkx_first_moves": first_moves,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
