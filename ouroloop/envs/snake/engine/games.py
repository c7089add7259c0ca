"""`SnakeEngine`: a batch of games behind `protocols.ports.Engine`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.snake.engine import features, rules, views
from ouroloop.envs.snake.engine.settings import PLAIN, Settings
from ouroloop.envs.snake.engine.state import (
    AT,
    BORN,
    CAUSE,
    CLOCK,
    FED,
    HIT_BODY,
    LENGTH,
    MEAL,
    ROOM,
    RUNNING,
    STONE,
    TRAVEL,
    WALL,
    WON,
    State,
    allocate,
)
from ouroloop.protocols.records import Observations, Outcomes

SAVED = ("stamps", "table", "keys")
"""The arrays of a snapshot; the rest of `State` is scratch space or follows from the size and the settings."""


class SnakeEngine:
    """B games of Snake on `size` x `size` boards, advancing together.

    Args:
        seeds: (B,) uint64, one per game.
        size: side of the board.
        settings: walls, food, start length, idle limit.

    Raises:
        ValueError: the settings leave the snake no room.
    """

    def __init__(self, seeds: NDArray[np.uint64], size: int, settings: Settings = PLAIN) -> None:
        """Begin the games."""
        self.size = size
        self.settings = settings
        self.state: State = allocate(np.array(seeds, dtype=np.uint64), size, settings.desk(size))
        self.state.table[:, ROOM] = size * size
        if settings.wall_map is not None:
            self._build(settings.wall_map)
        if not rules.begin_all(self.state, size):
            raise ValueError(
                f"a snake of length {settings.start_length} finds no room on this {size} x {size} board: use fewer walls"
            )

    def _build(self, walls: NDArray[np.bool_]) -> None:
        """Lay the map's walls, (size, size) bool, on every board."""
        stamps = self.state.stamps.reshape(self.games, -1)
        stamps[:, :-1][:, walls.reshape(-1)] = STONE
        self.state.table[:, ROOM] -= int(walls.sum())

    @property
    def games(self) -> int:
        """B."""
        return len(self.state.keys)

    @property
    def done(self) -> NDArray[np.bool_]:
        """(B,) bool: finished games."""
        finished: NDArray[np.bool_] = self.state.table[:, CAUSE] != RUNNING
        return finished

    @property
    def lengths(self) -> NDArray[np.int32]:
        """(B,) int32: cells that each snake covers, a copy."""
        return self.state.table[:, LENGTH].copy()

    @property
    def idle(self) -> NDArray[np.int32]:
        """(B,) int32: steps since each game's last food."""
        return self._since(FED)

    @property
    def room(self) -> NDArray[np.int32]:
        """(B,) int32: cells of each board that are not walls, a copy."""
        return self.state.table[:, ROOM].copy()

    def _since(self, column: int) -> NDArray[np.int32]:
        """Return (B,) int32: moves since the clock value in a column, plus a deadly last move, which the clock omits."""
        table = self.state.table
        died = (table[:, CAUSE] >= 0) & (table[:, CAUSE] <= HIT_BODY)
        moves: NDArray[np.int32] = table[:, CLOCK] - table[:, column] + died
        return moves

    def observations(self, rows: NDArray[np.int64] | None = None) -> Observations:
        """Return observations of the games as they stand.

        Columns: `board` (B, N) uint8, `snake` (B, N) int16 ragged and 0 beyond, `food` (B,) int16 (-1 on a full board),
        `idle` (B,) int32. Constant: `size`.

        Args:
            rows: (B,) games in the wanted order, all by default.
        """
        index = np.arange(self.games) if rows is None else np.ascontiguousarray(rows, dtype=np.int64)
        if len(index) and not 0 <= index.min() <= index.max() < self.games:
            raise IndexError(f"rows {index.min()}..{index.max()} of a batch of {self.games} games")
        cells = self.size * self.size
        board, snake = np.empty((len(index), cells), np.uint8), np.zeros((len(index), cells), np.int16)
        views.write_boards(self.state, self.size, index, board.reshape(-1))
        views.write_snakes(self.state, self.size, index, snake.reshape(-1))
        table = self.state.table[index]
        food = table[:, MEAL].astype(np.int16)
        columns: dict[str, NDArray[np.generic]] = {"board": board, "snake": snake, "food": food, "idle": self.idle[index]}
        return Observations({"size": self.size}, columns, {"snake": table[:, LENGTH].copy()})

    def boards(self) -> NDArray[np.uint8]:
        """Return the boards alone: (B, size, size) uint8."""
        out = np.empty(self.games * self.size * self.size, np.uint8)
        views.write_boards(self.state, self.size, np.arange(self.games), out)
        return out.reshape(-1, self.size, self.size)

    def step(self, actions: NDArray[np.integer]) -> None:
        """Advance every unfinished game.

        Args:
            actions: (B,) integers in 0..3; entries of finished games are ignored.

        Raises:
            ValueError: wrong shape, or an unfinished game's action is not in 0..3; then no game has moved.
        """
        moves = self._moves(actions)
        self._check(rules.step(self.state, self.size, moves), moves)

    def step_features(self, actions: NDArray[np.integer]) -> NDArray[np.float32]:
        """Advance like `step`; return (B, F) float32 in the order of `features.FEATURES`, zero where finished."""
        moves = self._moves(actions)
        out = np.zeros((self.games, features.COUNT), np.float32)
        self._check(features.step_measured(self.state, self.size, moves, out), moves)
        return out

    def _moves(self, actions: NDArray[np.integer]) -> NDArray[np.int64]:
        moves = np.ascontiguousarray(actions, dtype=np.int64)
        if moves.shape != (self.games,):
            raise ValueError(f"actions have shape {moves.shape}, expected ({self.games},): one per game")
        return moves

    @staticmethod
    def _check(invalid: int, moves: NDArray[np.int64]) -> None:
        if invalid >= 0:
            raise ValueError(f"game {invalid}: action {moves[invalid]}, expected 0..3 (up, down, left, right)")

    def outcomes(self) -> Outcomes:
        """Return how the games ended or stand.

        `path_optimality` counts only foods that were eaten. The food that was out of reach when the snake died does not
        count: no path to it was walked, and counting it would reward an early death.
        """
        table, start = self.state.table, self.settings.start_length
        return outcomes_of(
            table[:, LENGTH] - start, self._since(BORN), table[:, TRAVEL], table[:, ROOM] - start, table[:, CAUSE]
        )

    def clone(self, rows: NDArray[np.int64]) -> SnakeEngine:
        """Return a new batch of copies of these rows; rows may repeat, and each copy keeps its game's future randomness."""
        index = np.asarray(rows, dtype=np.int64)
        width = self.size * self.size + 1
        copies = {
            "stamps": self.state.stamps.reshape(-1, width)[index].reshape(-1),
            "table": self.state.table[index],
            "keys": self.state.keys[index],
        }
        return SnakeEngine.restore(copies, self.size, self.settings)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of all arrays that the games' future depends on, by name, for `restore` or `numpy.savez`."""
        return {name: getattr(self.state, name).copy() for name in SAVED}

    @classmethod
    def restore(cls, saved: Mapping[str, NDArray[np.generic]], size: int, settings: Settings = PLAIN) -> SnakeEngine:
        """Return the batch that a snapshot holds, under the settings that it had; the batch takes over the arrays."""
        engine = cls.__new__(cls)
        engine.size, engine.settings = size, settings
        state = allocate(np.asarray(saved["keys"], np.uint64), size, settings.desk(size))
        engine.state = state._replace(**{name: saved[name] for name in SAVED})
        return engine

    @classmethod
    def of(cls, observations: Observations, settings: Settings = PLAIN, keys: NDArray[np.uint64] | None = None) -> SnakeEngine:
        """Return a batch in the positions that the observations show.

        What they do not tell starts afresh: steps and travel count from the last meal, the food's distance from the head.

        Args:
            observations: B of this game, full boards excepted.
            settings: the games' settings.
            keys: (B,) uint64, seeds of the moves to come; 0 by default.
        """
        size, games = int(observations.constants["size"]), len(observations)
        board, snake, idle = (np.asarray(observations.columns[key]) for key in ("board", "snake", "idle"))
        lengths, cells = np.asarray(observations.lengths["snake"], np.int32), size * size
        state = allocate(np.zeros(games, np.uint64) if keys is None else keys.astype(np.uint64), size, settings.desk(size))
        stamps, table = state.stamps.reshape(games, -1), state.table
        clock = np.clip(idle, cells, 2 * cells).astype(np.int32)
        inside = np.arange(snake.shape[1]) < lengths[:, None]
        rows, parts = np.nonzero(inside)
        stamps[rows, snake[rows, parts]] = clock[rows] - parts
        stamps[:, :cells][board == WALL] = STONE
        table[:, AT], table[:, CLOCK], table[:, MEAL] = snake[:, 0], clock, observations.columns["food"]
        table[:, FED], table[:, BORN], table[:, LENGTH] = clock - idle, clock - idle, lengths
        table[:, ROOM], table[:, CAUSE] = (board != WALL).sum(axis=1), RUNNING
        engine = cls.__new__(cls)
        engine.size, engine.settings, engine.state = size, settings, state
        rules.take_up(state, size)
        return engine

    def overwrite(self, rows: NDArray[np.int64], games: SnakeEngine) -> None:
        """Replace these rows by copies of all of `games`, which have the same size."""
        for name in SAVED:
            mine, theirs = getattr(self.state, name), getattr(games.state, name)
            shape = (-1, max(1, mine.size // max(1, self.games)))
            mine.reshape(shape)[rows] = theirs.reshape(shape)


def outcomes_of(
    score: NDArray[np.int32],
    steps: NDArray[np.int32],
    travel: NDArray[np.int32],
    most: NDArray[np.int32],
    cause: NDArray[np.int32],
) -> Outcomes:
    """Return outcomes from the columns of the table.

    Args:
        score: (B,) foods eaten.
        steps: (B,) moves made.
        travel: (B,) shortest distances at spawn, summed over the foods eaten.
        most: (B,) the highest score possible.
        cause: (B,) as `Outcomes.cause`.
    """
    optimality = np.minimum(1.0, travel / np.maximum(1, steps))
    return Outcomes(
        score=score.astype(np.int32),
        steps=steps.astype(np.int32),
        won=cause == WON,
        path_optimality=optimality,
        utility=score / np.maximum(1, most) * (0.9 + 0.1 * optimality),
        cause=cause.astype(np.int8),
    )
