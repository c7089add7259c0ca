"""Several engines as one batch: games that are at different moments of their course, advanced and watched together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine


@dataclass(slots=True)
class Fleet:
    """Engines of the same task in a fixed order; rows count through them all."""

    engines: list[Engine]

    @property
    def games(self) -> int:
        """Games in all engines."""
        return sum(engine.games for engine in self.engines)

    @property
    def done(self) -> NDArray[np.bool_]:
        """(B,) bool: finished games."""
        return np.concatenate([engine.done for engine in self.engines])

    def observations(self, rows: NDArray[np.int64]) -> Observations:
        """Return the observations of ascending rows."""
        parts = [engine.observations(own) for engine, own in self.split(rows) if len(own)]
        return join_observations(parts)

    def step(self, actions: NDArray[np.integer]) -> None:
        """Advance every unfinished game by actions: (B,)."""
        for engine, own in zip(self.engines, self._cut(actions), strict=True):
            engine.step(own)

    def step_features(self, actions: NDArray[np.integer]) -> NDArray[np.float32]:
        """Advance like `step`; return (B, F) float32."""
        cut = self._cut(actions)
        return np.concatenate([engine.step_features(own) for engine, own in zip(self.engines, cut, strict=True)])

    def clone(self, rows: NDArray[np.int64]) -> Fleet:
        """Return copies of ascending rows, with repetition, in that order."""
        return Fleet([engine.clone(own) for engine, own in self.split(rows) if len(own)])

    def split(self, rows: NDArray[np.int64]) -> list[tuple[Engine, NDArray[np.int64]]]:
        """Return each engine with those of the ascending rows that are its own, counted within it."""
        edges = np.cumsum([0, *(engine.games for engine in self.engines)])
        cuts = np.searchsorted(rows, edges)
        return [
            (engine, rows[low:high] - first)
            for engine, first, low, high in zip(self.engines, edges[:-1], cuts[:-1], cuts[1:], strict=True)
        ]

    def _cut(self, values: NDArray[np.integer]) -> list[NDArray[np.integer]]:
        return np.split(values, np.cumsum([engine.games for engine in self.engines])[:-1])


def join_observations(parts: Sequence[Observations]) -> Observations:
    """Return several batches of observations of one task as one, in order; at least one batch."""
    first = parts[0]
    columns = {key: np.concatenate([part.columns[key] for part in parts]) for key in first.columns}
    lengths = {key: np.concatenate([part.lengths[key] for part in parts]) for key in first.lengths}
    return Observations(first.constants, columns, lengths)
