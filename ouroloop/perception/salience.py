"""A game whose rewards can speak of what is salient: one more feature, `toward_salient`, from a map of each position.

The map may come from eyes (where a picture looks like "the apple") or from a policy (what decided its moves). It is taken in
the position before a move, and the feature says how much nearer the move brought the player's focus to what the map shows:

    toward_salient = (D(before) - D(after)) / steps,    D(cell) = sum over c of salience(c) * distance(cell, c)

Distances are Manhattan's, and `steps` is how far the focus moved, so the feature is in [-1, 1]: 1 if everything salient came
nearer by each step, 0 if the focus stayed. The map does not follow the move, so the feature measures the move alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ouroloop.envs.capabilities import sight_of
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.ports import Engine, Oracle, Task, Teachers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.encoding import Encoding
    from ouroloop.protocols.ports import Drawing, Sight, Symmetry
    from ouroloop.protocols.records import Ending, Observations, Outcomes, ToolkitFunction

Salience: TypeAlias = "Callable[[Observations], NDArray[np.floating]]"
"""Maps B positions to the salience of their cells: (B, side * side), none below 0; any scale."""
FEATURE: Final = "toward_salient"
DOC: Final = "how much nearer the move came to what is salient, by the distance that it went, -1 to 1"


class SalientEngine:
    """A batch of games with `toward_salient` as the last feature; everything else is the game's own.

    Args:
        plain: the game's batch.
        sight: its focus and its cells.
        salience: the map of positions.
    """

    def __init__(self, plain: Engine, sight: Sight, salience: Salience) -> None:
        """Take over the batch."""
        self.plain, self._sight, self._salience = plain, sight, salience

    @property
    def games(self) -> int:
        """B."""
        return self.plain.games

    @property
    def done(self) -> NDArray[np.bool_]:
        """(B,) bool: finished games."""
        return self.plain.done

    def observations(self, rows: NDArray[np.int64] | None = None) -> Observations:
        """Return the game's own observations."""
        return self.plain.observations(rows)

    def step(self, actions: NDArray[np.integer]) -> None:
        """Advance every unfinished game; no map is asked for."""
        self.plain.step(actions)

    def step_features(self, actions: NDArray[np.integer]) -> NDArray[np.float32]:
        """Advance like `step`; return (B, F + 1) float32, zero for finished games."""
        rows = np.flatnonzero(~self.done)
        before = self.plain.observations(rows)
        found = self.plain.step_features(actions)
        toward = np.zeros((self.games, 1), np.float32)
        if len(rows):
            after = self._sight.focus(self.plain.observations(rows))
            toward[rows, 0] = nearer(self._map(before), self._sight.focus(before), after, self._sight.side)
        return np.concatenate([found, toward], axis=1)

    def outcomes(self) -> Outcomes:
        """Return the game's own outcomes."""
        return self.plain.outcomes()

    def clone(self, rows: NDArray[np.int64]) -> SalientEngine:
        """Return copies of these rows, with the same map."""
        return SalientEngine(self.plain.clone(rows), self._sight, self._salience)

    def _map(self, observations: Observations) -> NDArray[np.float64]:
        """Return the checked map: (B, side * side), rows of sum 1, or of zeros where nothing is salient."""
        found, expected = np.asarray(self._salience(observations), np.float64), (len(observations), self._sight.side**2)
        if found.shape != expected:
            raise UsageError(f"the map of salience has shape {found.shape}, expected {expected}: one number per cell")
        if not (np.isfinite(found).all() and (found >= 0).all()):
            raise UsageError("the map of salience has numbers below 0 or none at all: cut it off at 0")
        total = found.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(found, total, out=np.zeros_like(found), where=total > 0))


def nearer(
    salience: NDArray[np.floating], before: NDArray[np.int64], after: NDArray[np.int64], side: int
) -> NDArray[np.float32]:
    """Return how much nearer, per step, a focus came to what is salient: (B,) float32 in [-1, 1].

    Args:
        salience: (B, side * side), rows of sum 1 at most.
        before: (B,) the cell of the focus.
        after: (B,) the cell to which it moved.
        side: cells per side.
    """
    places = np.stack(np.divmod(np.arange(side * side), side))

    def away(cells: NDArray[np.int64]) -> NDArray[np.int64]:
        here = np.stack(np.divmod(cells, side))
        return np.asarray(np.abs(here[:, :, None] - places[:, None]).sum(axis=0))

    first = away(before)
    steps = first[np.arange(len(after)), after]
    gain = (salience * (first - away(after))).sum(axis=1)
    return np.asarray(np.clip(gain / np.maximum(1, steps), -1, 1), np.float32)


def plain(engine: Engine) -> Engine:
    """Return the game's own batch."""
    return engine.plain if isinstance(engine, SalientEngine) else engine


class _Oracle:
    """The game's oracle, asked with its own batches."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def regret(self, engine: Engine) -> NDArray[np.float32]:
        return self._oracle.regret(plain(engine))


class _Teachers:
    """The game's teachers, asked with its own batches."""

    def __init__(self, teachers: Teachers) -> None:
        self._teachers = teachers

    def teach(self, name: str, engine: Engine) -> NDArray[np.int8]:
        return self._teachers.teach(name, plain(engine))

    def equal_moves(self, name: str, engine: Engine, moves: NDArray[np.integer]) -> NDArray[np.bool_]:
        return self._teachers.equal_moves(name, plain(engine), moves)

    def rollout(self, teacher: str, seeds: NDArray[np.uint64]) -> Outcomes:
        return self._teachers.rollout(teacher, seeds)


class SalientTask:
    """A game with `toward_salient` among its features; a `ports.Task`. What it plays, scores and shows is the game's own.

    Args:
        task: the game; its pictures must consist of cells.
        salience: the map of positions. It decides rewards, so it must be the same function throughout a training.

    Raises:
        UsageError: the game has no `sight`, or a feature of that name already.
    """

    def __init__(self, task: Task, salience: Salience) -> None:
        """Describe the game as the task does, with one feature more."""
        if FEATURE in task.features:
            raise UsageError(f"the game {task.name} already has a feature {FEATURE}: its map cannot be replaced by another")
        self._task, self._seen_by, self._salience = task, sight_of(task), salience
        self.name, self.actions, self.causes = task.name, task.actions, task.causes
        self.endings: Mapping[str, Ending] = task.endings
        self.best_score, self.score_bound = task.best_score, task.score_bound
        self.features: Mapping[str, str] = {**task.features, FEATURE: DOC}
        self.toolkit: tuple[ToolkitFunction, ...] = task.toolkit
        self.toolkit_source, self.start_controller, self.encodings = task.toolkit_source, task.start_controller, task.encodings

    @property
    def oracle(self) -> Oracle | None:
        """The game's oracle."""
        return None if self._task.oracle is None else _Oracle(self._task.oracle)

    @property
    def teachers(self) -> Teachers | None:
        """The game's teachers."""
        return None if self._task.teachers is None else _Teachers(self._task.teachers)

    @property
    def symmetry(self) -> Symmetry | None:
        """The game's symmetry."""
        return self._task.symmetry

    @property
    def drawing(self) -> Drawing | None:
        """The game's drawing."""
        return self._task.drawing

    @property
    def sight(self) -> Sight | None:
        """What the game's pictures show."""
        return self._task.sight

    def encoding(self, name: str) -> Encoding:
        """Return the game's encoding of this name."""
        return self._task.encoding(name)

    def engine(self, seeds: NDArray[np.uint64]) -> SalientEngine:
        """Return fresh games, one per seed."""
        return self._with_map(self._task.engine(seeds))

    def positions(self, seed: int, count: int) -> SalientEngine:
        """Return the game's positions."""
        return self._with_map(self._task.positions(seed, count))

    def progress(self, engine: Engine) -> NDArray[np.float32]:
        """Return how far each game has progressed."""
        return self._task.progress(plain(engine))

    def reward(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the game's own reward, which knows nothing of the map: features (..., F + 1) -> (...,) float32."""
        return self._task.reward(features[..., :-1])

    def render(self, observations: Observations, cell_px: int = 8) -> NDArray[np.uint8]:
        """Return the game's pictures."""
        return self._task.render(observations, cell_px)

    def ansi(self, observations: Observations, row: int) -> str:
        """Return one observation as text."""
        return self._task.ansi(observations, row)

    def _with_map(self, engine: Engine) -> SalientEngine:
        return SalientEngine(engine, self._seen_by, self._salience)
