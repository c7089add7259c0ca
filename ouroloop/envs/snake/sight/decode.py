"""Cell classes to states: one head, at most one food, and the body in order from the head to the tail.

A body cell's class names the direction of its neighbour nearer the head, so the body is read backwards from the head: the
next cell is the neighbour that points to the current one. If readings contradict each other, the more probable one wins, and
the board is marked as repaired; nothing raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.envs.kernels import Array, allocating_kernel
from ouroloop.envs.snake.drawing.cells import BODY, CLASSES, EMPTY, FOOD, HEAD
from ouroloop.envs.snake.engine.state import neighbours
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ReadBoards:
    """B boards as they were read from pictures; C is size*size.

    Args:
        board: (B, C) uint8, values of an observation's `board`.
        snake: (B, C) int16, cell indices, head first, 0 after the tail.
        lengths: (B,) int16, cells of the snake.
        food: (B,) int16, the food's cell, -1 if none was seen.
        confidence: (B,) float32 in [0, 1], the lowest probability among the classes given to the cells.
        repaired: (B,) bool, boards whose most probable classes contradicted each other.
    """

    board: NDArray[np.uint8]
    snake: NDArray[np.int16]
    lengths: NDArray[np.int16]
    food: NDArray[np.int16]
    confidence: NDArray[np.float32]
    repaired: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return B."""
        return len(self.board)

    def exact(self, truth: Observations) -> NDArray[np.bool_]:
        """Return (B,) bool: whether every cell, the food, and the snake in its order were read correctly."""
        lengths = truth.lengths["snake"].astype(np.int64)
        beyond = np.arange(self.snake.shape[1]) >= lengths[:, None]
        same: NDArray[np.bool_] = (self.board == truth.columns["board"]).all(1)
        same &= ((self.snake == truth.columns["snake"]) | beyond).all(1)
        same &= (self.lengths == lengths) & (self.food == truth.columns["food"])
        return same

    def into(self, observations: Observations) -> Observations:
        """Return the observations with their true values replaced by those read, in new arrays of the same types.

        `board`, `snake` and `food` are replaced. `idle`, every other column and the constants stay, because a counter is
        memory, not sight.
        """
        columns, lengths = dict(observations.columns), dict(observations.lengths)
        for key, value in (("board", self.board), ("snake", self.snake), ("food", self.food)):
            columns[key] = value.astype(columns[key].dtype)
        lengths["snake"] = self.lengths.astype(lengths["snake"].dtype)
        return Observations(observations.constants, columns, lengths)


def decode(probabilities: NDArray[np.float32], size: int) -> ReadBoards:
    """Return the most plausible boards for class probabilities.

    Args:
        probabilities: (B, size*size, CLASSES) float32.
        size: side of the boards, in cells.
    """
    batch, cells, _ = probabilities.shape
    out = ReadBoards(
        np.zeros((batch, cells), np.uint8),
        np.zeros((batch, cells), np.int16),
        np.zeros(batch, np.int16),
        np.full(batch, -1, np.int16),
        np.zeros(batch, np.float32),
        np.zeros(batch, np.bool_),
    )
    chances, near = np.ascontiguousarray(probabilities), neighbours(size)
    _decode(chances, near, out.board, out.snake, out.lengths, out.food, out.confidence, out.repaired)
    return out


@allocating_kernel
def _decode(
    probabilities: Array,
    near: Array,
    board: Array,
    snake: Array,
    lengths: Array,
    food: Array,
    confidence: Array,
    repaired: Array,
) -> None:
    """Fill the six result arrays, one board after another."""
    cells = probabilities.shape[1]
    classes = np.empty(cells, np.int64)
    used = np.empty(cells, np.bool_)
    for row in range(len(probabilities)):
        p = probabilities[row]
        for cell in range(cells):
            classes[cell] = _likeliest(p[cell], EMPTY, CLASSES, -1, -1)
        fixed = _settle_head(p, classes)
        fixed |= _settle_food(p, classes)
        lengths[row], mended = _trace(p, classes, near, used, snake[row])
        fixed |= mended
        fixed |= _drop_loose(p, classes, used)
        least = 1.0
        for cell in range(cells):
            kind = classes[cell]
            least = min(least, p[cell, kind])
            if kind == FOOD:
                food[row] = cell
            board[row, cell] = 1 if kind >= BODY else (0, 3, 4, 2)[kind]
        confidence[row] = least
        repaired[row] = fixed


@allocating_kernel
def _likeliest(p: Array, first: int, end: int, not_this: int, nor_this: int) -> int:
    """Return the most probable class of one cell in first..end-1, except two classes."""
    best = -1
    for kind in range(first, end):
        if kind not in (not_this, nor_this) and (best < 0 or p[kind] > p[best]):
            best = kind
    return best


@allocating_kernel
def _settle_head(p: Array, classes: Array) -> bool:
    """Leave exactly one head, the most probable; return whether anything had to change."""
    head, heads = 0, 0
    for cell in range(len(classes)):
        heads += classes[cell] == HEAD
        if p[cell, HEAD] > p[head, HEAD]:
            head = cell
    fixed = heads != 1 or classes[head] != HEAD
    if fixed:
        for cell in range(len(classes)):
            if classes[cell] == HEAD:
                classes[cell] = _likeliest(p[cell], EMPTY, CLASSES, HEAD, -1)
        classes[head] = HEAD
    return fixed


@allocating_kernel
def _settle_food(p: Array, classes: Array) -> bool:
    """Leave one food, the most probable, or none if no cell is free; return whether anything had to change."""
    best, foods, spare = -1, 0, -1
    for cell in range(len(classes)):
        if classes[cell] == FOOD:
            foods += 1
            if best < 0 or p[cell, FOOD] > p[best, FOOD]:
                best = cell
        elif classes[cell] == EMPTY and (spare < 0 or p[cell, FOOD] > p[spare, FOOD]):
            spare = cell
    if foods > 1:
        for cell in range(len(classes)):
            if classes[cell] == FOOD and cell != best:
                classes[cell] = _likeliest(p[cell], EMPTY, CLASSES, HEAD, FOOD)
    elif foods == 0 and spare >= 0:
        classes[spare] = FOOD
        return True
    return foods > 1


@allocating_kernel
def _pointed_at(classes: Array, used: Array, cell: int, near: Array) -> bool:
    """Return whether a body cell that is not yet in the chain points at this cell."""
    for direction in range(4):
        other = near[cell * 4 + direction]
        if other >= 0 and not used[other] and classes[other] == BODY + (direction ^ 1):
            return True
    return False


@allocating_kernel
def _follow(p: Array, classes: Array, used: Array, cell: int, near: Array) -> tuple[int, int, bool]:
    """Return the next cell towards the tail (-1: none), its class, and whether the choice was certain.

    A neighbour that points here comes first. If there is none, a misread cell may be the next one: a body cell that points
    elsewhere, or an empty cell at which a body cell points; the more probable one wins. `direction ^ 1` is the opposite
    direction.
    """
    best, best_kind, best_rank, sure = -1, 0, 0, 0
    for direction in range(4):
        other = near[cell * 4 + direction]
        if other < 0 or used[other]:
            continue
        kind = BODY + (direction ^ 1)
        rank = 0
        if classes[other] == kind:
            rank = 2
            sure += 1
        elif classes[other] >= BODY or (classes[other] == EMPTY and _pointed_at(classes, used, other, near)):
            rank = 1
        if rank > best_rank or (0 < rank == best_rank and p[other, kind] > p[best, best_kind]):
            best, best_kind, best_rank = other, kind, rank
    return best, best_kind, sure == 1


@allocating_kernel
def _trace(p: Array, classes: Array, near: Array, used: Array, snake: Array) -> tuple[int, bool]:
    """Write the snake, head first; return its length and whether a link had to be guessed.

    The chain ends when no body cell is left, or when none can be reached.
    """
    left, cell = 0, 0
    for other in range(len(classes)):
        used[other] = False
        left += classes[other] >= BODY
        if classes[other] == HEAD:
            cell = other
    snake[0] = cell
    used[cell] = True
    length, mended = 1, False
    while left > 0:
        other, kind, sure = _follow(p, classes, used, cell, near)
        if other < 0:
            break
        mended |= not sure
        left -= classes[other] >= BODY
        classes[other] = kind
        used[other] = True
        snake[length] = other
        length += 1
        cell = other
    return length, mended


@allocating_kernel
def _drop_loose(p: Array, classes: Array, used: Array) -> bool:
    """Turn body cells that the chain did not reach into their next best class; return whether there were any."""
    loose = False
    for cell in range(len(classes)):
        if classes[cell] >= BODY and not used[cell]:
            classes[cell] = _likeliest(p[cell], EMPTY, HEAD, FOOD, -1)
            loose = True
    return loose
