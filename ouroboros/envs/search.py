"""The one search of the game: a breadth-first flood over free cells, and the distances that follow from it."""

from __future__ import annotations

from ouroboros.envs.state import EMPTY, FOOD, Array, State, kernel


@kernel
def flood(state: State, board: Array, offset: int, start: int, goal: int) -> tuple[int, int]:
    """Flood the free cells that `start` reaches, nearest first, neighbours in the order up, down, left, right.

    Args:
        state: lends `near`, `mark`, `queue` and `stamp`.
        board: the board's codes, from `offset` on.
        offset: where the board begins.
        start: a cell; its own code does not matter.
        goal: a free cell that ends the flood when it is reached, or -1.

    Returns:
        The stamp to read `state.mark` with (a cell was reached if its mark is at least the stamp, at the distance
        `mark - stamp`), and how many free cells were reached, `start` not among them.
    """
    near, mark, queue = state.near, state.mark, state.queue
    stamp = state.stamp[0]
    state.stamp[0] = stamp + mark.size + 1
    mark[start] = stamp
    queue[0] = start
    first, end = 0, 1
    while first < end:
        cell = queue[first]
        first += 1
        for side in range(4):
            other = near[4 * cell + side]
            if other >= 0 and mark[other] < stamp and (board[offset + other] == EMPTY or board[offset + other] == FOOD):
                mark[other] = mark[cell] + 1
                if other == goal:
                    return stamp, end
                queue[end] = other
                end += 1
    return stamp, end - 1


@kernel
def reached(state: State, stamp: int, target: int) -> int:
    """Return the distance of the last flood to `target`, free or not (then by its nearest free neighbour); -1 if cut off."""
    best = -1
    for side in range(4):
        other = state.near[4 * target + side]
        if other >= 0 and state.mark[other] >= stamp:
            distance = state.mark[other] - stamp + 1
            if best < 0 or distance < best:
                best = distance
    return best


@kernel
def manhattan(size: int, a: int, b: int) -> int:
    """Return the Manhattan distance of two cells."""
    return abs(a // size - b // size) + abs(a % size - b % size)
