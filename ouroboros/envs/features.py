"""What a transition measures for a reward: one kernel that advances a batch and writes (B, F) float32.

Every feature is finite and lies in the range that its line in `FEATURES` gives. A reward sees these columns and nothing else.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ouroboros.envs.rules import advance, first_invalid
from ouroboros.envs.search import flood, manhattan, reached
from ouroboros.envs.state import (
    AT,
    BODY,
    CAUSE,
    HIT_BODY,
    IDLE,
    LENGTH,
    MEAL,
    ROOM,
    RUNNING,
    SCORE,
    STARVED,
    WALL,
    WON,
    Array,
    State,
    kernel,
)

FEATURES: Final[dict[str, str]] = {
    "step": "1 for every move, 1",
    "ate": "the snake ate the food, 0 or 1",
    "died": "the move ran into a wall, the border or the body, 0 or 1",
    "won": "the move filled the board, 0 or 1",
    "starved": "the move used up the steps allowed without food, 0 or 1",
    "distance_before": "shortest way from head to food before the move over 2 * (size - 1), Manhattan if cut off, 0 to 1",
    "distance_after": "the same after the move, to the same food, 0 to 1",
    "approach": "whether that distance fell (1), stayed (0) or rose (-1), -1 to 1",
    "free_neighbours": "share of the head's four neighbours that are free after the move, 0 to 1",
    "space": "share of all free cells that the head can reach after the move, 0 to 1",
    "tail_reachable": "the head can reach its own tail after the move, 0 or 1",
    "trapped": "after the move neither the tail nor as many free cells as the snake is long can be reached, 0 or 1",
    "wall_contact": "share of the head's four neighbours that are wall or border after the move, 0 to 1",
    "body_contact": "share of the head's four neighbours that are body after the move, 0 to 1",
    "turned": "the move changed the direction, 0 or 1",
    "idle": "steps since the last food over the steps allowed, after the move, 0 to 1",
    "length": "share of the board that the snake covers after the move, 0 to 1",
    "revisit": "the head entered a cell that it had already been on since the last food, 0 or 1",
}
"""Feature -> what it measures and its range; the order is that of the columns."""
COUNT: Final = len(FEATURES)
(
    F_STEP,
    F_ATE,
    F_DIED,
    F_WON,
    F_STARVED,
    F_DISTANCE_BEFORE,
    F_DISTANCE_AFTER,
    F_APPROACH,
    F_FREE_NEIGHBOURS,
    F_SPACE,
    F_TAIL_REACHABLE,
    F_TRAPPED,
    F_WALL_CONTACT,
    F_BODY_CONTACT,
    F_TURNED,
    F_IDLE,
    F_LENGTH,
    F_REVISIT,
) = range(COUNT)


@kernel
def food_distance(state: State, size: int, offset: int, head: int, food: int) -> int:
    """Return the shortest way from head to food, the body as it lies; Manhattan where it is cut off."""
    stamp, _ = flood(state, state.board, offset, head, food)
    if state.mark[food] >= stamp:
        return state.mark[food] - stamp  # type: ignore[no-any-return]
    return manhattan(size, head, food)


@kernel
def was_here(state: State, size: int, game: int) -> bool:
    """Tell whether the head had been on its present cell since the last food; the ring remembers beyond the tail."""
    cells = size * size
    offset = game * cells
    at, length, idle = state.table[game, AT], state.table[game, LENGTH], state.table[game, IDLE]
    head = state.ring[offset + at]
    for back in range(length, min(idle, cells - 1) + 1):  # noqa: SIM110 (numba compiles no generator expression)
        if state.ring[offset + (at + back) % cells] == head:
            return True
    return False


@kernel
def look_around(state: State, size: int, game: int, food: int, ate: bool, out: Array) -> None:
    """Write the features of the position that a survived move has led to; `out`: (F,) float32."""
    board, table = state.board, state.table
    cells = size * size
    offset = game * cells
    at, length = table[game, AT], table[game, LENGTH]
    head = int(state.ring[offset + at])
    tail = int(state.ring[offset + (at + length - 1) % cells])
    stamp, space = flood(state, board, offset, head, -1)
    free = table[game, ROOM] - length
    to_tail = reached(state, stamp, tail) >= 0
    for side in range(4):
        other = state.near[4 * head + side]
        code = WALL if other < 0 else board[offset + other]
        column = F_WALL_CONTACT if code == WALL else (F_BODY_CONTACT if code == BODY else F_FREE_NEIGHBOURS)
        out[column] += np.float32(0.25)
    after = 0
    if not ate:
        after = state.mark[food] - stamp if state.mark[food] >= stamp else manhattan(size, head, food)
    out[F_DISTANCE_AFTER] = min(1.0, after / (2 * (size - 1)))
    out[F_SPACE] = space / free if free else 1.0
    out[F_TAIL_REACHABLE] = 1.0 if to_tail else 0.0
    out[F_TRAPPED] = 0.0 if to_tail or space >= length else 1.0
    out[F_REVISIT] = 1.0 if not ate and was_here(state, size, game) else 0.0


@kernel
def measure(state: State, size: int, game: int, action: int, out: Array) -> None:
    """Advance one running game and write its features; `out`: (F,) float32, zeros."""
    table = state.table
    cells = size * size
    offset = game * cells
    at, score = table[game, AT], table[game, SCORE]
    head, neck = int(state.ring[offset + at]), int(state.ring[offset + (at + 1) % cells])
    food = table[game, MEAL]
    before = food_distance(state, size, offset, head, food)
    advance(state, size, game, action)
    cause = table[game, CAUSE]
    ate = table[game, SCORE] > score
    died = cause >= 0 and cause <= HIT_BODY
    out[F_STEP] = 1.0
    out[F_ATE] = 1.0 if ate else 0.0
    out[F_DIED] = 1.0 if died else 0.0
    out[F_WON] = 1.0 if cause == WON else 0.0
    out[F_STARVED] = 1.0 if cause == STARVED else 0.0
    out[F_DISTANCE_BEFORE] = min(1.0, before / (2 * (size - 1)))
    out[F_DISTANCE_AFTER] = out[F_DISTANCE_BEFORE]
    out[F_TURNED] = 0.0 if state.near[4 * neck + action] == head else 1.0
    out[F_IDLE] = min(1.0, table[game, IDLE] / (cells + table[game, LENGTH]))
    out[F_LENGTH] = table[game, LENGTH] / table[game, ROOM]
    if not died:
        look_around(state, size, game, food, ate, out)
        out[F_APPROACH] = (
            1.0
            if ate or out[F_DISTANCE_AFTER] < out[F_DISTANCE_BEFORE]
            else (-1.0 if out[F_DISTANCE_AFTER] > out[F_DISTANCE_BEFORE] else 0.0)
        )


@kernel
def step_measured(state: State, size: int, actions: Array, out: Array) -> int:
    """Advance like `rules.step` and fill `out`: (B, F) float32, zeros, where a game was running."""
    invalid = first_invalid(state, actions)
    if invalid < 0:
        for game in range(actions.size):
            if state.table[game, CAUSE] == RUNNING:
                measure(state, size, game, actions[game], out[game])
    return invalid
