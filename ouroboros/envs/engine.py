"""`SnakeEngine`: a batch of games behind `protocols.ports.Engine`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ouroboros.envs import features, rules
from ouroboros.envs.state import (
    AT,
    CAUSE,
    IDLE,
    LENGTH,
    MEAL,
    ROOM,
    RUNNING,
    SCORE,
    START_LENGTH,
    STEPS,
    TRAVEL,
    WON,
    State,
    allocate,
)
from ouroboros.protocols.records import Observations, Outcomes

SAVED = ("board", "ring", "table", "keys")
"""The arrays that a snapshot holds; the rest of `State` is scratch or follows from the size."""


class SnakeEngine:
    """B games of Snake on `size` x `size` boards, advancing together.

    Args:
        seeds: (B,) uint64, one per game.
        size: side of the board.
        walls: share of the cells that become walls; fewer where more would cut the board or leave no start.
    """

    def __init__(self, seeds: NDArray[np.uint64], size: int, walls: float = 0.0) -> None:
        """Begin the games."""
        self.size = size
        self.state: State = allocate(np.array(seeds, dtype=np.uint64), size)
        rules.begin(self.state, size, int(walls * size * size))

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
    def lengths(self) -> NDArray[np.int64]:
        """(B,) int64: cells that each snake covers, a copy."""
        return self.state.table[:, LENGTH].copy()

    @property
    def idle(self) -> NDArray[np.int64]:
        """(B,) int64: steps since each game's last food, a copy."""
        return self.state.table[:, IDLE].copy()

    @property
    def room(self) -> NDArray[np.int64]:
        """(B,) int64: cells of each board that are not walls, a copy."""
        return self.state.table[:, ROOM].copy()

    def observations(self, rows: NDArray[np.int64] | None = None) -> Observations:
        """Return observations of the games as they stand.

        Columns: `board` (B, N) uint8, `snake` (B, N) int16 ragged and 0 beyond, `food` (B,) int16 (-1 on a full board),
        `idle` (B,) int32. Constant: `size`.

        Args:
            rows: (B,) games in the wanted order, all by default.
        """
        index = np.arange(self.games) if rows is None else np.asarray(rows, dtype=np.int64)
        cells = self.size * self.size
        table = self.state.table[index]
        order = np.arange(cells)
        turned = (table[:, AT, None] + order) % cells
        snake = np.take_along_axis(self.state.ring.reshape(-1, cells)[index], turned, axis=1)
        snake[order >= table[:, LENGTH, None]] = 0
        columns = {
            "board": self.state.board.reshape(-1, cells)[index],
            "snake": snake,
            "food": table[:, MEAL].astype(np.int16),
            "idle": table[:, IDLE].astype(np.int32),
        }
        return Observations({"size": self.size}, columns, {"snake": table[:, LENGTH].astype(np.int32)})

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

        `path_optimality` counts the foods that were eaten: a food that lay out of reach when the snake died was no path
        walked, and counting it would reward an early death.
        """
        table = self.state.table
        score, steps = table[:, SCORE], table[:, STEPS]
        optimality = np.minimum(1.0, table[:, TRAVEL] / np.maximum(1, steps))
        utility = score / (table[:, ROOM] - START_LENGTH) * (0.9 + 0.1 * optimality)
        return Outcomes(
            score=score.astype(np.int32),
            steps=steps.astype(np.int32),
            won=table[:, CAUSE] == WON,
            path_optimality=optimality,
            utility=utility,
            cause=table[:, CAUSE].astype(np.int8),
        )

    def clone(self, rows: NDArray[np.int64]) -> SnakeEngine:
        """Return a new batch of copies of these rows, with repetition and the same randomness ahead."""
        index = np.asarray(rows, dtype=np.int64)
        cells = self.size * self.size
        copies = {
            "board": self.state.board.reshape(-1, cells)[index].reshape(-1),
            "ring": self.state.ring.reshape(-1, cells)[index].reshape(-1),
            "table": self.state.table[index],
            "keys": self.state.keys[index],
        }
        return SnakeEngine.restore(copies, self.size)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Return a copy of all that the games' future depends on, by name, ready for `restore` or `numpy.savez`."""
        return {name: getattr(self.state, name).copy() for name in SAVED}

    @classmethod
    def restore(cls, saved: Mapping[str, NDArray[np.generic]], size: int) -> SnakeEngine:
        """Return the batch that a snapshot was taken of; it takes over the arrays."""
        engine = cls.__new__(cls)
        engine.size = size
        engine.state = allocate(np.asarray(saved["keys"], np.uint64), size)._replace(**{name: saved[name] for name in SAVED})
        return engine

    def overwrite(self, rows: NDArray[np.int64], games: SnakeEngine) -> None:
        """Put copies of all of `games`, of the same size, in the place of these rows."""
        for name in SAVED:
            mine, theirs = getattr(self.state, name), getattr(games.state, name)
            shape = (-1, max(1, mine.size // max(1, self.games)))
            mine.reshape(shape)[rows] = theirs.reshape(shape)
