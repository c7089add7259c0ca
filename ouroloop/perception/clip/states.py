"""States as text, and boards that are hard to tell apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.capabilities import sight_of
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ouroloop.perception.clip.config import States
    from ouroloop.protocols.ports import Sight, Task

JSON: Final = "json"
NEAR: Final = 3
"""Cells in which a board of a family differs from its position, at most."""
BATCH: Final = 256
"""Boards of a family that are nudged at a time."""
PATIENCE: Final = 64
"""A gallery is complete when nudging all positions so many times in a row brings no new board."""


def texts_of(task: Task, observations: Observations, states: States) -> list[str]:
    """Return a text per position: the sight's caption, or JSON, by the game's encoding of that name if it has one."""
    if states == "caption":
        return sight_of(task).captions(observations)
    if JSON in task.encodings:
        return task.encoding(JSON).texts(observations)
    return [json.dumps(observations.row(row)) for row in range(len(observations))]


def joined(parts: Sequence[Observations]) -> Observations:
    """Return batches of the same game as one batch; what was seen of a `scene` is not kept."""
    first = parts[0]
    return Observations(
        first.constants,
        {key: np.concatenate([part.columns[key] for part in parts]) for key in first.columns},
        {key: np.concatenate([part.lengths[key] for part in parts]) for key in first.lengths},
    )


def grouped(sight: Sight, positions: Observations, group: int, rng: np.random.Generator) -> Observations:
    """Return G positions with up to `group` - 1 others of each, which differ from it in one to three cells.

    All rows look different: of boards that came twice, one is kept.
    """
    boards = joined([positions, *(sight.nudge(positions, rng) for _ in range(group - 1))])
    return boards.take(_unseen(sight.label(boards), set()))


def gallery(sight: Sight, positions: Observations, count: int, rng: np.random.Generator) -> Observations:
    """Return `count` boards that all look different; each is one of the positions, or one to three cells from one.

    Raises:
        UsageError: so many different boards cannot be made of these positions.
    """
    kept, seen, total, vain = [], set[bytes](), 0, 0
    batch = positions
    while vain < PATIENCE:
        fresh = _unseen(sight.label(batch), seen)[: count - total]
        kept.append(batch.take(fresh))
        total, vain = total + len(fresh), 0 if len(fresh) else vain + 1
        if total == count:
            return joined(kept)
        batch = sight.nudge(positions, rng)
    raise UsageError(
        f"{len(positions)} positions give {total} different boards, not {count}: take more positions, or fewer boards"
    )


def family(sight: Sight, position: Observations, count: int, rng: np.random.Generator) -> Observations:
    """Return a position and others that differ from it in one to three cells: `count` boards that all look different.

    Boards are nudged again and again. Those that have gone farther away are left out.

    Raises:
        UsageError: so many different boards cannot be made of this position.
    """
    own, kept, vain = sight.label(position), position, 0
    seen = {own[0].tobytes()}
    while len(kept) < count and vain < PATIENCE:
        batch = sight.nudge(kept.take(rng.integers(len(kept), size=BATCH)), rng)
        cells = sight.label(batch)
        near = np.flatnonzero((cells != own).sum(1) <= NEAR)
        fresh = near[_unseen(cells[near], seen)]
        kept, vain = joined([kept, batch.take(fresh)]), 0 if len(fresh) else vain + 1
    if len(kept) < count:
        raise UsageError(f"a position gives {len(kept)} different boards, not {count}: take another, or fewer boards")
    return kept.take(slice(0, count))


def _unseen(cells: NDArray[np.uint8], seen: set[bytes]) -> NDArray[np.int64]:
    """Return the rows of (B, C) that are not in `seen`, and add them to it."""
    rows = []
    for row, line in enumerate(cells):
        mark = line.tobytes()
        if mark not in seen:
            seen.add(mark)
            rows.append(row)
    return np.array(rows, np.int64)
