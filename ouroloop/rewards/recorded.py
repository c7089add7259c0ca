"""The input of the reward screen: recorded games, and its limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Recorded:
    """Transitions of E real episodes.

    Args:
        features: (N, F) float32, columns in the task's order. The transitions of an episode are in order of time; those of
            different episodes may be mixed. Exploring play shows more: a player that never wastes a move never stalls.
        episode: (N,) int64 in 0..E-1.
        utility: (E,) float64 in [0, 1].
        steps: (E,) int64, moves made.
    """

    features: NDArray[np.float32]
    episode: NDArray[np.int64]
    utility: NDArray[np.float64]
    steps: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardLimits:
    """The limits of the layers.

    Args:
        bound: largest |r_spec| per step that the clips may allow.
        saturated: largest share of transitions on which a term may exceed its clip.
        nodes: largest complexity.
        circling: largest reward per step of going in circles, as a share of the mean absolute reward.
        returns: with fewer alike moments than this, circles prove nothing; an always positive reward is refused then.
        losing: how many standard deviations the reward of a lost episode's last move may exceed that of other moves.
        against: how many standard deviations the reward per move may be lower in spans that end in progress.
    """

    bound: float = 20.0
    saturated: float = 0.9
    nodes: int = 160
    circling: float = 0.3
    returns: int = 10
    losing: float = 0.5
    against: float = 0.25
