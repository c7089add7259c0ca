"""From ratings to moves: by the highest logit or by sampling, with a controller in between if there is one. No torch.

A sampled move is the highest of the logits with Gumbel noise added (Gumbel 1954; Maddison et al. 2014, section 2). A
controller that plays the highest logit therefore samples too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ouroloop.envs.capabilities import teachers_of
from ouroloop.protocols.errors import TrainingError, UsageError
from ouroloop.protocols.seeds import splitmix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Policy, Session, Task
    from ouroloop.protocols.records import Observations

Rate: TypeAlias = "Callable[[Engine, NDArray[np.int64], Observations], NDArray[np.float32]]"
"""Maps games, R unfinished rows of them and their observations to logits (R, A) float32."""

WEYL: Final = np.uint64(0x9E3779B97F4A7C15)
MIX1: Final = np.uint64(0xBF58476D1CE4E5B9)
MIX2: Final = np.uint64(0x94D049BB133111EB)
"""The constants of SplitMix64 (Steele et al. 2014)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How moves are sampled.

    Args:
        seed: another seed draws other moves in the same games.
        temperature: divides the logits; lower is greedier.

    Raises:
        UsageError: the temperature is not positive and finite.
    """

    seed: int
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Check the temperature."""
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise UsageError(
                f"temperature {self.temperature!r} is not possible: choose a positive number, 1 for the policy's own"
            )

    def noisy(self, logits: NDArray[np.float32], keys: NDArray[np.uint64], step: int) -> NDArray[np.float32]:
        """Return noisy logits whose highest is a sampled action.

        The noise depends on the seed, the game and the step, and not on what is played in parallel.

        Args:
            logits: (R, A) float32.
            keys: (R,) uint64, the games' seeds.
            step: number of moves that the games have made.
        """
        count = logits.shape[1]
        place = np.arange(step * count + 1, (step + 1) * count + 1, dtype=np.uint64)
        bits = mixed(mixed(keys ^ np.uint64(splitmix(self.seed, 0)))[:, None] + np.multiply(place, WEYL, dtype=np.uint64))
        uniform = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54  # in (0, 1)
        noise = -np.log(-np.log(uniform))
        return (logits / self.temperature + noise).astype(np.float32)


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the SplitMix64 finaliser of each value."""
    values = (values ^ (values >> np.uint64(30))) * MIX1
    values = (values ^ (values >> np.uint64(27))) * MIX2
    return values ^ (values >> np.uint64(31))


def odds_of(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the distribution over the actions: (R, A) float64."""
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    odds: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return odds


def entropy_of(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy of each row, (R, A) -> (R,) float64, in nats."""
    entropy: NDArray[np.float64] = -(odds * np.log(np.maximum(odds, 1e-300))).sum(axis=1)
    return np.abs(entropy)  # a certain choice has 0, not -0


def rated_by(policy: Policy) -> Rate:
    """Return a policy's ratings; it raises TrainingError if they are not finite."""

    def rate(engine: Engine, rows: NDArray[np.int64], observations: Observations) -> NDArray[np.float32]:
        logits = policy.logits(observations)
        if not np.isfinite(logits).all():
            raise TrainingError(
                "the policy's logits are not finite numbers: its training went wrong; take an earlier checkpoint"
            )
        return logits

    return rate


def taught_by(task: Task, teacher: str) -> Rate:
    """Return a teacher's ratings: 1 for its move, 0 for the others. Raises UsageError if the game has no teachers."""
    teachers = teachers_of(task)

    def rate(engine: Engine, rows: NDArray[np.int64], observations: Observations) -> NDArray[np.float32]:
        return np.eye(len(task.actions), dtype=np.float32)[teachers.teach(teacher, engine)[rows]]

    return rate


@dataclass(frozen=True, slots=True)
class Mover:
    """Rates the actions and chooses the moves; a controller may come in between.

    Args:
        rate: rates the actions.
        sampling: how a move is drawn; None for the highest logit.
    """

    rate: Rate
    sampling: Sampling | None = None

    @property
    def temperature(self) -> float:
        """Temperature of the sampling; 1 without sampling."""
        return 1.0 if self.sampling is None else self.sampling.temperature

    def choose(
        self,
        engine: Engine,
        rows: NDArray[np.int64],
        observations: Observations,
        keys: NDArray[np.uint64],
        step: int,
        session: Session | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
        """Return the ratings and the moves of unfinished games.

        Args:
            engine: the games.
            rows: (R,) the unfinished ones.
            observations: R, of these rows.
            keys: (R,) uint64, their seeds.
            step: number of moves that they have made.
            session: a controller; without one, the highest logit (with its noise) is played.

        Returns:
            logits: (R, A) float32, without noise; actions: (R,).

        Raises:
            CandidateFault: the controller failed.
        """
        logits = self.rate(engine, rows, observations)
        heard = logits if self.sampling is None else self.sampling.noisy(logits, keys, step)
        return logits, heard.argmax(axis=1) if session is None else session.act(observations, heard)
