"""The oracle: A* by the reference document, and how much worse than the best each move of a position is."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroboros.envs.engine import SnakeEngine
from ouroboros.envs.search import flood, manhattan, reached
from ouroboros.envs.state import AT, BODY, CAUSE, EMPTY, FOOD, LENGTH, MEAL, ROOM, RUNNING, WALL, Array, State, kernel

DEADLY: Final = 1.0
TRAPPED: Final = 0.7
RISKY: Final = 0.5
"""Regret of a move that loses the tail but leaves at least as many free cells as the snake is long."""
ASTRAY: Final = 0.3
"""Regret of a move from which no safe way to the food is known while another move has one."""
DETOUR: Final = 0.2
"""Regret of a detour of `2 * size` steps or more; shorter ones cost in proportion."""


@kernel
def snake_cell(state: State, cells: int, game: int, index: int) -> int:
    """Return the cell of the snake's part `index`, 0 for the head."""
    cell: int = int(state.ring[game * cells + (state.table[game, AT] + index) % cells])
    return cell


@kernel
def try_move(state: State, cells: int, game: int, move: int) -> int:
    """Copy the game's board to `state.work` as it lies after the move; return the new head, or -1 if the move is a death.

    The head's cell is coded as body: a search starts there and never returns.
    """
    offset = game * cells
    work = state.work
    work[:] = state.board[offset : offset + cells]
    head = snake_cell(state, cells, game, 0)
    tail = snake_cell(state, cells, game, state.table[game, LENGTH] - 1)
    target: int = int(state.near[4 * head + move])
    if target < 0 or work[target] == WALL or (work[target] == BODY and target != tail):
        return -1
    if target != state.table[game, MEAL]:
        work[tail] = EMPTY
    work[head] = BODY
    work[target] = BODY
    return target


@kernel
def tail_after(state: State, cells: int, game: int, target: int) -> int:
    """Return where the tail lies after the head has moved to `target`."""
    last = state.table[game, LENGTH] - 1
    return snake_cell(state, cells, game, last if target == state.table[game, MEAL] else last - 1)


@kernel
def walk_is_safe(state: State, cells: int, game: int, stamp: int) -> bool:
    """Tell whether the tail can still be reached once the food was eaten along the flood that has just found it.

    Walks back from the food to the flood's start (the head after the first move), lays the snake along that way in
    `state.work` and floods from the food to the tail.
    """
    work, mark, near = state.work, state.mark, state.near
    offset, length = game * cells, state.table[game, LENGTH]
    if length + 1 == state.table[game, ROOM]:
        return True
    food: int = state.table[game, MEAL]
    far = mark[food] - stamp
    work[:] = state.board[offset : offset + cells]
    for index in range(length):
        work[snake_cell(state, cells, game, index)] = EMPTY
    cell, tail = food, food
    for left in range(far, -1, -1):  # from the food back to the first move's cell
        if far - left <= length:
            work[cell] = BODY
            tail = cell
        for side in range(4):
            other = near[4 * cell + side]
            if left > 0 and other >= 0 and mark[other] == stamp + left - 1:
                cell = int(other)
                break
    for index in range(length - far):  # the parts of the old snake that have not moved on
        tail = snake_cell(state, cells, game, index)
        work[tail] = BODY
    after, _ = flood(state, work, 0, food, -1)
    return reached(state, after, tail) >= 0


@kernel
def rate_moves(state: State, size: int, game: int, out: Array) -> bool:
    """Write the regret of the four moves of one running game, see `regret`; tell whether one has a safe way to the food.

    Args:
        state: the games.
        size: side of the board.
        game: which one.
        out: (4,) float32.
    """
    cells = size * size
    length, food = state.table[game, LENGTH], state.table[game, MEAL]
    badness = np.empty(4, np.float64)
    for move in range(4):
        target = try_move(state, cells, game, move)
        if target < 0:
            badness[move] = 4.0
            continue
        tail = tail_after(state, cells, game, target)
        stamp, space = flood(state, state.work, 0, target, -1)
        to_tail = reached(state, stamp, tail)
        way = 0 if target == food else state.mark[food] - stamp  # negative: cut off
        if target == food and length + 1 == state.table[game, ROOM]:
            badness[move] = 0.0
        elif way >= 0 and (to_tail >= 0 if way == 0 else walk_is_safe(state, cells, game, stamp)):
            badness[move] = way / cells
        elif to_tail < 0 and space < length:
            badness[move] = 3.0 - space / cells
        elif to_tail < 0:
            badness[move] = 2.0
        else:  # stay alive by the longest way to the tail; among equals away from the food, which breaks most circles
            apart = manhattan(size, target, food) / (2 * cells)
            badness[move] = 2.0 - (to_tail + apart) / cells
    best: float = badness.min()
    for move in range(4):
        out[move] = cost(badness[move], best, size)
    return best < 1.0


@kernel
def cost(badness: float, best: float, size: int) -> float:
    """Return the regret of a move as bad as `badness` where the best is `best`, both on the scale of `rate_moves`."""
    if badness == best:
        return 0.0
    if badness >= 4.0:
        return DEADLY
    if badness > 2.0:  # trapped; against another trap only the room counts
        return TRAPPED if best <= 2.0 else DETOUR * min(1.0, badness - best)
    if badness == 2.0:
        return RISKY
    if badness >= 1.0 and best < 1.0:
        return ASTRAY
    return DETOUR * min(1.0, (badness - best) * size / 2)


@kernel
def rate_all(state: State, size: int, out: Array) -> None:
    """Fill `out`: (B, 4) float32, zeros, with the regret of every move of every running game."""
    for game in range(state.keys.size):
        if state.table[game, CAUSE] == RUNNING:
            rate_moves(state, size, game, out[game])


@kernel
def astar(state: State, size: int, game: int, lanes: Array) -> tuple[int, int]:
    """Return the length of A*'s path from head to food and its first move; (-1, -1) where there is none.

    Same expansion order, hence the same path among equals, as `networkx.astar_path` with the Manhattan heuristic on
    `grid_2d_graph` without the body's cells (reference document, section 6.2). There the queue is ordered by (f, time of
    entry); on a grid f is either kept or raised by 2, so two first-in-first-out lanes replace the heap.

    Args:
        state: the games.
        size: side of the board.
        game: which one.
        lanes: (2, 4 * N) int64, scratch. An entry is `(distance * 4 + first move) * N + cell`.
    """
    board, mark, near = state.board, state.mark, state.near
    cells = size * size
    offset, food = game * cells, state.table[game, MEAL]
    head = snake_cell(state, cells, game, 0)
    stamp = state.stamp[0]
    state.stamp[0] = stamp + cells + 1
    mark[head] = stamp
    lanes[0, 0] = head
    current, first, end, later = 0, 0, 1, 0
    bound = manhattan(size, head, food)
    while first < end:
        entry = lanes[current, first]
        first += 1
        cell, label = entry % cells, entry // cells % 4
        distance = entry // cells // 4
        if cell == food:
            return distance, label
        if mark[cell] - stamp == distance:  # else a shorter way was found after this entry was made
            for side in range(4):
                other = int(near[4 * cell + side])
                if other < 0 or (board[offset + other] != EMPTY and board[offset + other] != FOOD):
                    continue
                if mark[other] >= stamp and mark[other] - stamp <= distance + 1:
                    continue
                mark[other] = stamp + distance + 1
                new = ((distance + 1) * 4 + (side if cell == head else label)) * cells + other
                if distance + 1 + manhattan(size, other, food) == bound:
                    lanes[current, end] = new
                    end += 1
                else:
                    lanes[1 - current, later] = new
                    later += 1
        if first == end:
            current, first, end, later = 1 - current, 0, later, 0
            bound += 2
    return -1, -1


@kernel
def astar_all(state: State, size: int, lengths: Array, moves: Array) -> None:
    """Fill `lengths` and `moves`, both (B,), with A*'s answer for every running game."""
    lanes = np.empty((2, 4 * size * size), np.int64)
    for game in range(state.keys.size):
        if state.table[game, CAUSE] == RUNNING:
            lengths[game], moves[game] = astar(state, size, game, lanes)


def shortest_paths(engine: SnakeEngine) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Return A*'s path length (B,) int32 and first move (B,) int8 of each game; -1 where cut off or finished."""
    lengths = np.full(engine.games, -1, np.int32)
    moves = np.full(engine.games, -1, np.int8)
    astar_all(engine.state, engine.size, lengths, moves)
    return lengths, moves


def regret(engine: SnakeEngine) -> NDArray[np.float32]:
    """Return how much worse than the best each move is: (B, 4) float32 in [0, 1], zeros for finished games.

    A move is judged by what it leads to: 1 for a death. A move with a safe way to the food, one after which the tail can
    be reached, costs at most 0.2 in proportion to the detour. One without costs, while another has one, 0.3 if it keeps
    the tail in reach, 0.5 if at least as many free cells as the snake is long, 0.7 if neither. Where no move has a safe
    way, the longest way to the tail is best. The best move of every position has 0: where all moves are deaths, nothing
    is there to regret.
    """
    out = np.zeros((engine.games, 4), np.float32)
    rate_all(engine.state, engine.size, out)
    return out
