"""What encodings compute from the arrays of a batch, and the ragged rows that they write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.protocols.records import Observations

STEPS: Final = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Row and column change of each action."""
BODY, FOOD, WALL = 1, 3, 4
"""Codes of the observation's `board`."""
JUMP: Final = -1
"""Direction of a step that is none: perceived snakes may have gaps."""

Block = tuple["NDArray[np.integer]", "NDArray[np.integer] | None"]
"""Ids (B, M), and how many of each row count: the last ones; None for all."""


def free_moves(observations: Observations) -> NDArray[np.int32]:
    """Return which actions lead to a cell that does not end the game: (B, 4) int32 of 0 and 1.

    The tail's cell counts as free, since the tail leaves it in the same step.
    """
    count, n = len(observations), int(observations.constants["size"])
    board = np.asarray(observations.columns["board"]).reshape(count, n, n)
    rows = np.arange(count)
    blocked = np.ones((count, n + 2, n + 2), dtype=bool)
    blocked[:, 1:-1, 1:-1] = (board == BODY) | (board == WALL)
    tail = tails(observations)
    blocked[rows, tail // n + 1, tail % n + 1] = False
    head = np.asarray(observations.columns["snake"][:, 0], dtype=np.int64)
    return np.stack([~blocked[rows, head // n + 1 + r, head % n + 1 + c] for r, c in STEPS], axis=1).astype(np.int32)


def free_of(size: int, snake: Sequence[int], walls: Sequence[int]) -> tuple[int, ...]:
    """Return what `free_moves` does, for one board."""
    blocked, (row, column) = {*snake[1:-1], *walls}, divmod(snake[0], size)
    steps = [(row + r, column + c) for r, c in STEPS]
    return tuple(int(0 <= r < size and 0 <= c < size and r * size + c not in blocked) for r, c in steps)


def heads(observations: Observations) -> NDArray[np.int64]:
    """Return (B,) int64: the heads' cells."""
    return np.asarray(observations.columns["snake"][:, 0], dtype=np.int64)


def tails(observations: Observations) -> NDArray[np.int64]:
    """Return (B,) int64: the cells of the tails' ends."""
    last = np.asarray(observations.lengths["snake"], dtype=np.int64) - 1
    return np.asarray(observations.columns["snake"][np.arange(len(last)), last], dtype=np.int64)


def idle_steps(observations: Observations) -> NDArray[np.int64]:
    """Return (B,) int64: idle steps in units of the board's size, few values, so that each has a token."""
    n = int(observations.constants["size"])
    return np.minimum(np.asarray(observations.columns["idle"], dtype=np.int64) // n, 2 * n)


def wall_cells(observations: Observations) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the walls' cells, (B, W) int64 ascending at the end of each row, and their number: (B,) int64."""
    board = np.asarray(observations.columns["board"]).reshape(len(observations), -1)
    is_wall = board == WALL
    counts = is_wall.sum(axis=1)
    width = int(counts.max(initial=0))
    order = np.argsort(is_wall, axis=1, kind="stable")
    return order[:, order.shape[1] - width :], counts


def directions(observations: Observations) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Return the moves that led from each part of the snake to the part before it, and their number: length - 1.

    Returns:
        (B, M) int8: column i leads from part i + 1 to part i, `JUMP` where they do not touch or where there is no part;
        and (B,) int32.
    """
    n = int(observations.constants["size"])
    lengths = np.asarray(observations.lengths["snake"], dtype=np.int32)
    snake = np.asarray(observations.columns["snake"][:, : int(lengths.max(initial=1))], dtype=np.int16)
    step = snake[:, :-1] - snake[:, 1:]
    crossed = snake[:, :-1] % n - snake[:, 1:] % n
    moves = np.full(step.shape, JUMP, np.int8)
    for action, (row, column) in enumerate(STEPS):
        moves[(step == row * n + column) & (crossed == column)] = action
    moves[np.arange(step.shape[1]) >= lengths[:, None] - 1] = JUMP
    return moves, lengths - 1


def pad_left(blocks: Sequence[Block], pad: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return blocks side by side, row by row without gaps, padded on the left to the longest row.

    Returns:
        ids: (B, L) int32, mask: (B, L) bool, true where a token stands.
    """
    ids = np.concatenate([np.asarray(block, dtype=np.int32) for block, _ in blocks], axis=1)
    if all(counts is None for _, counts in blocks):
        return ids, np.ones(ids.shape, dtype=bool)
    masks = []
    for block, counts in blocks:
        width = block.shape[1]
        masks.append(np.ones(block.shape, bool) if counts is None else np.arange(width) >= width - counts[:, None])
    mask = np.concatenate(masks, axis=1)
    order = np.argsort(mask, axis=1, kind="stable")
    lengths = mask.sum(axis=1)
    first = ids.shape[1] - int(lengths.max(initial=0))
    ids = np.where(mask, ids, pad)
    return np.take_along_axis(ids, order[:, first:], axis=1), np.arange(first, mask.shape[1]) >= mask.shape[1] - lengths[
        :, None
    ]
