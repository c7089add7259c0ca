"""Positions of a teacher's games in an Arrow file, recorded in parallel; the file does not depend on the number of threads.

The file is an Arrow IPC file (Feather V2): `pandas.read_feather`, `pyarrow.ipc.open_file`, `datasets.load_dataset("arrow",
data_files=FILE)` and `read_positions` read it. A row is a position: `game`, `step`, `length`, `snake` (cells, head first),
`food`, `idle`, `move` (the teacher's), `good` (all moves that the teacher holds to be as good, bit 0 for up to bit 3 for
right), `cut_off` (no path to the food), and, on boards with walls, `board`. The schema's metadata says how to make the file
again; `FILE.json` beside it holds the statistics of the data set.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

import numpy as np
import pyarrow as pa

from ouroloop.atomic import whole_file
from ouroloop.envs.snake import record as rec
from ouroloop.envs.snake.engine.state import BODY, FOOD, HEAD
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.records import Observations
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.envs.snake.task import SnakeTask

SHARE_CELLS: Final = 1 << 22
"""Snake cells that one thread has room to record at a time."""
Report = Callable[[int, int], None]
"""Called with the number of games recorded and the number asked for."""


class Games(TypedDict):
    """Games of a data set: played, and among them kept, dropped as too short, and starved."""

    played: int
    kept: int
    too_short: int
    starved: int


class Statistics(TypedDict):
    """What `train data --json` prints: positions, the games kept, their lengths and moves."""

    positions: int
    games: Games
    steps_mean: float
    score_mean: float
    win_rate: float
    actions: dict[str, float]
    no_path_share: float
    seconds: float
    positions_per_s: int


@dataclass(frozen=True, slots=True)
class DataConfig:
    """How a teacher's games become a data set.

    Args:
        teacher: its name.
        games: number of games to play.
        seed: of the games, from the `train` stream.
        per_length: positions kept per game and length of the snake.
        noise: share of the moves played that are a random other safe move; the labels stay the teacher's.
        least_steps: games that end sooner are dropped; a game that starves loses the part after its last meal.
    """

    teacher: str = "best"
    games: int = 1000
    seed: int = 0
    per_length: int = 8
    noise: float = 0.0
    least_steps: int = 10

    def __post_init__(self) -> None:
        """Refuse values that are out of range."""
        for name, low, high in (("games", 1, 1 << 30), ("per_length", 1, 1 << 20), ("least_steps", 0, 1 << 30)):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} is {getattr(self, name)}: choose {low} to {high}")
        if not 0 <= self.noise <= 1:
            raise UsageError(f"noise is {self.noise}: choose 0 to 1")


def write_positions(
    task: SnakeTask, config: DataConfig, path: Path, *, workers: int | None = None, report: Report | None = None
) -> Statistics:
    """Play games, and write positions to an Arrow file and their statistics to `FILE.json`.

    Args:
        task: the game.
        config: the teacher and how its games are sampled.
        path: the file; it appears complete or not at all.
        workers: threads, by default one per processor; the file does not depend on it.
        report: called with the progress.

    Returns:
        The statistics.

    Raises:
        UsageError: there is no such teacher, or the file exists already.
        SurroundingsError: the file cannot be written.
    """
    if path.exists():
        raise UsageError(f"{path} exists already: choose another file, or remove it")
    started = time.monotonic()
    totals = np.zeros(rec.STATISTICS, np.int64)
    positions = 0
    columns = schema(task, config)
    try:
        with whole_file(path) as half, pa.OSFile(str(half), "wb") as sink, pa.ipc.new_file(sink, columns) as writer:
            for done, part in _recorded(task, config, workers or os.cpu_count() or 1):
                writer.write_batch(to_batch(part, columns, task.size))
                totals += part.statistics
                positions += len(part.table)
                if report is not None:
                    report(done, config.games)
    except OSError as error:
        raise SurroundingsError(f"{path} cannot be written: {error}") from error
    found = statistics(totals, positions, time.monotonic() - started)
    path.with_name(path.name + ".json").write_text(json.dumps({**asdict(config), "size": task.size, **found}, indent=2) + "\n")
    return found


def _recorded(task: SnakeTask, config: DataConfig, workers: int) -> Iterator[tuple[int, rec.Positions]]:
    """Yield parts in game order, each with the games done after it; a few parts ahead are computed meanwhile."""
    cells = task.size * task.size
    share = max(1, min(256, SHARE_CELLS // (config.per_length * cells * cells // 2)))

    def play(start: int) -> rec.Positions:
        count = min(share, config.games - start)
        seeds = np.array(game_seeds(config.seed, "train", start, count), dtype=np.uint64)
        return rec.record(
            config.teacher,
            seeds,
            task.size,
            task.settings,
            first=start,
            per_length=config.per_length,
            noise=config.noise,
            least_steps=config.least_steps,
        )

    waiting: list[tuple[int, Future[rec.Positions]]] = []
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, config.games, share):
            waiting.append((min(start + share, config.games), pool.submit(play, start)))
            if len(waiting) > 2 * workers:
                done, future = waiting.pop(0)
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


def schema(task: SnakeTask, config: DataConfig) -> pa.Schema:
    """Return the file's columns; the metadata says how the file was made."""
    fields = [
        ("game", pa.int32()),
        ("step", pa.int32()),
        ("length", pa.int16()),
        ("snake", pa.list_(pa.int16())),
        ("food", pa.int16()),
        ("idle", pa.int32()),
        ("move", pa.int8()),
        ("good", pa.uint8()),
        ("cut_off", pa.bool_()),
    ]
    if task.settings.walls > 0 or task.settings.wall_map is not None:
        fields.append(("board", pa.list_(pa.uint8(), task.size**2)))
    made = {"task": "snake", "size": task.size, "walls": task.settings.walls, "food": task.settings.food, **asdict(config)}
    return pa.schema(fields, metadata={"ouroloop": json.dumps(made)})


def to_batch(part: rec.Positions, columns: pa.Schema, size: int) -> pa.RecordBatch:
    """Return positions as Arrow columns."""
    table = part.table
    offsets = np.concatenate([[0], np.cumsum(table[:, rec.SNAKE_LENGTH])]).astype(np.int32)
    arrays: dict[str, Any] = {
        "game": table[:, rec.GAME],
        "step": table[:, rec.STEP],
        "length": table[:, rec.SNAKE_LENGTH].astype(np.int16),
        "snake": pa.ListArray.from_arrays(offsets, part.cells),
        "food": table[:, rec.FOOD_CELL].astype(np.int16),
        "idle": table[:, rec.IDLE],
        "move": table[:, rec.MOVE].astype(np.int8),
        "good": table[:, rec.GOOD].astype(np.uint8),
        "cut_off": table[:, rec.CUT_OFF].astype(np.bool_),
    }
    if "board" in columns.names:
        arrays["board"] = pa.FixedSizeListArray.from_arrays(part.boards.reshape(-1), size * size)
    return pa.record_batch([pa.array(arrays[name]) for name in columns.names], schema=columns)


def statistics(totals: NDArray[np.int64], positions: int, seconds: float) -> Statistics:
    """Return the statistics of a data set: its positions, and the games kept with their lengths and moves."""
    kept = int(totals[rec.PLAYED] - totals[rec.SHORT])
    steps = int(totals[rec.STEPS])
    moves = totals[rec.MOVES : rec.MOVES + 4] / max(1, steps)
    return {
        "positions": positions,
        "games": {
            "played": int(totals[rec.PLAYED]),
            "kept": kept,
            "too_short": int(totals[rec.SHORT]),
            "starved": int(totals[rec.STARVED_GAMES]),
        },
        "steps_mean": round(steps / max(1, kept), 2),
        "score_mean": round(int(totals[rec.SCORE]) / max(1, kept), 3),
        "win_rate": round(int(totals[rec.WINS]) / max(1, kept), 4),
        "actions": dict(zip(("up", "down", "left", "right"), [round(float(share), 4) for share in moves], strict=True)),
        "no_path_share": round(int(totals[rec.NO_PATH]) / max(1, steps), 4),
        "seconds": round(seconds, 3),
        "positions_per_s": round(positions / max(seconds, 1e-9)),
    }


def read_positions(path: Path) -> tuple[Observations, NDArray[np.int8], NDArray[np.uint8]]:
    """Return a file's positions as observations, the teacher's moves (P,) int8 and the good moves (P,) uint8, as bits.

    Raises:
        UsageError: the file is missing, or is not a file of positions.
    """
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        size = int(json.loads(table.schema.metadata[b"ouroloop"])["size"])
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} holds no teacher's positions ({error}): write one with `ouroloop train data`") from error
    lengths, food = table["length"].to_numpy().astype(np.int32), table["food"].to_numpy()
    boards = None
    if "board" in table.column_names:
        boards = table["board"].combine_chunks().flatten().to_numpy().reshape(-1, size * size)
    cells = table["snake"].combine_chunks().flatten().to_numpy()
    observations = _observations(size, lengths, cells, food, table["idle"].to_numpy(), boards)
    return observations, table["move"].to_numpy(), table["good"].to_numpy()


def observations_of(part: rec.Positions, size: int) -> Observations:
    """Return recorded positions as observations."""
    table = part.table
    food, boards = table[:, rec.FOOD_CELL].astype(np.int16), part.boards if len(part.boards) else None
    return _observations(size, table[:, rec.SNAKE_LENGTH], part.cells, food, table[:, rec.IDLE], boards)


def _observations(
    size: int,
    lengths: NDArray[np.int32],
    cells: NDArray[np.int16],
    food: NDArray[np.int16],
    idle: NDArray[np.int32],
    boards: NDArray[np.uint8] | None,
) -> Observations:
    """Return observations of snakes that lie one after the other in `cells`; boards without walls are drawn from them."""
    snake = np.zeros((len(lengths), size * size), np.int16)
    inside = np.arange(size * size) < lengths[:, None]
    snake[inside] = cells
    if boards is None:
        boards = np.zeros((len(lengths), size * size), np.uint8)
        rows, parts = np.nonzero(inside)
        boards[rows, snake[rows, parts]] = BODY
        boards[np.arange(len(lengths)), snake[:, 0]] = HEAD
        boards[np.arange(len(lengths)), food] = FOOD
    columns: dict[str, NDArray[np.generic]] = {"board": boards, "snake": snake, "food": food, "idle": idle}
    return Observations({"size": size}, columns, {"snake": lengths})
