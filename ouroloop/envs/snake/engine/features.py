"""What a reward can measure of a transition: one kernel that advances a batch and writes (B, F) float32.

Every feature is finite and lies in the range that its line in `FEATURES` gives. A reward sees only these columns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ouroloop.envs.kernels import Array, kernel
from ouroloop.envs.snake.engine.distance import food_distance
from ouroloop.envs.snake.engine.rules import advance, allowance, first_invalid
from ouroloop.envs.snake.engine.search import at_stamp, distance_to, flood, reached, refresh, vacant
from ouroloop.envs.snake.engine.state import (
    AT,
    CAUSE,
    CLOCK,
    FED,
    HIT_BODY,
    LENGTH,
    MEAL,
    ROOM,
    RUNNING,
    STARVED,
    STONE,
    WON,
    State,
    beside,
    i32,
    manhattan,
    spot,
    u64,
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
def look_around(state: State, size: int, game: int, food: int, ate: bool, out: Array) -> None:
    """Write the features of the position after a move that the snake survived; `out`: (F,) float32."""
    table, cells = state.table, size * size
    head, length, threshold = table[game, AT], table[game, LENGTH], vacant(state, game)
    refresh(state, cells)
    moment, space = flood(state, size, game, head, threshold, -1)
    free = table[game, ROOM] - length
    tail_found = reached(state, size, moment, at_stamp(state, size, game, threshold + 1)) >= 0
    for side in range(4):
        stamp = i32(state.stamps[spot(size, game, beside(state, head, side))])
        column = F_WALL_CONTACT if stamp == STONE else (F_BODY_CONTACT if stamp > threshold else F_FREE_NEIGHBOURS)
        out[column] += np.float32(0.25)
    after = 0
    if not ate:
        away = distance_to(state, moment, cells, food)
        after = away if away >= 0 else manhattan(state, head, food)
    out[F_DISTANCE_AFTER] = min(1.0, after / (2 * (size - 1)))
    out[F_SPACE] = space / free if free else 1.0
    out[F_TAIL_REACHABLE] = 1.0 if tail_found else 0.0
    out[F_TRAPPED] = 0.0 if tail_found or space >= length else 1.0


@kernel
def measure(state: State, size: int, game: int, action: int, out: Array) -> None:
    """Advance one running game and write its features; `out`: (F,) float32, zeros."""
    table = state.table
    head, length, food, fed = table[game, AT], table[game, LENGTH], table[game, MEAL], table[game, FED]
    before = food_distance(state, size, game, food)
    target = beside(state, head, action)
    entered, clock = i32(state.stamps[spot(size, game, target)]), table[game, CLOCK]
    ahead = spot(size, game, beside(state, head, action ^ 1))
    straight = length > 1 and i32(state.stamps[ahead]) == clock - 1
    allowed = allowance(state, size, game)
    advance(state, size, game, action)
    cause = table[game, CAUSE]
    ate = table[game, LENGTH] > length
    died = cause >= 0 and cause <= HIT_BODY
    out[F_STEP] = 1.0
    out[F_ATE] = 1.0 if ate else 0.0
    out[F_DIED] = 1.0 if died else 0.0
    out[F_WON] = 1.0 if cause == WON else 0.0
    out[F_STARVED] = 1.0 if cause == STARVED else 0.0
    out[F_DISTANCE_BEFORE] = min(1.0, before / (2 * (size - 1)))
    out[F_DISTANCE_AFTER] = out[F_DISTANCE_BEFORE]
    out[F_TURNED] = 0.0 if straight else 1.0
    out[F_IDLE] = 0.0 if ate else min(1.0, (clock + 1 - fed) / allowed)
    out[F_LENGTH] = table[game, LENGTH] / table[game, ROOM]
    if not died:
        look_around(state, size, game, food, ate, out)
        out[F_REVISIT] = 1.0 if not ate and entered >= fed and entered > 0 else 0.0
        out[F_APPROACH] = (
            1.0
            if ate or out[F_DISTANCE_AFTER] < out[F_DISTANCE_BEFORE]
            else (-1.0 if out[F_DISTANCE_AFTER] > out[F_DISTANCE_BEFORE] else 0.0)
        )


@kernel
def step_measured(state: State, size: int, actions: Array, out: Array) -> int:
    """Advance like `rules.step`, and fill `out`: (B, F) float32, zeros, for the games that were running."""
    invalid = first_invalid(state, actions)
    if invalid < 0:
        for game in range(u64(actions.size)):
            if state.table[game, CAUSE] == RUNNING:
                measure(state, size, game, actions[game], out[game])
    return invalid
