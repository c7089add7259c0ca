"""The layers that a reward spec passes before training: schema, finite, bounded, complexity, gameable.

All of them look at recorded transitions of real episodes, none at the spec's text beyond its grammar. The last one asks
what a learner would be paid for: a return that grows with an episode's length at equal utility pays for stalling; one
that falls with utility, in sum and per step, pays for losing; one that never changes pays for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ouroboros.protocols.errors import CandidateFault
from ouroboros.protocols.records import RewardSpec
from ouroboros.rewards.language import bound, compile_spec, compile_terms, complexity

MIN_EPISODES = 8


@dataclass(frozen=True, slots=True)
class Recorded:
    """Transitions of E real episodes.

    Args:
        features: (N, F) float32, columns in the task's order.
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
    """Where the layers draw their lines.

    Args:
        bound: largest |r_spec| per step that the clips may allow.
        saturated: largest share of transitions on which a term may lie beyond its clip.
        nodes: largest complexity.
        stalling: how far the standardised weight of length may exceed that of utility (see `stalling_weights`).
        against: correlation with utility below which a return pays for losing.
    """

    bound: float = 20.0
    saturated: float = 0.9
    nodes: int = 160
    stalling: float = 0.25
    against: float = -0.25


DEFAULT_LIMITS = RewardLimits()


def screen_spec(spec: RewardSpec, features: Iterable[str], recorded: Recorded, limits: RewardLimits = DEFAULT_LIMITS) -> None:
    """Pass, or raise.

    Raises:
        CandidateFault: layer `schema`, `finite`, `bounded`, `complexity` or `gameable`, with the numbers.
        ValueError: fewer than 8 episodes were recorded, or the arrays do not fit each other.
    """
    names = tuple(features)
    _check_recorded(recorded, len(names))
    _check_complexity(spec, limits)
    _check_terms(spec, names, recorded, limits)
    reward = compile_spec(spec, names)(recorded.features).astype(np.float64)
    if not np.isfinite(reward).all():
        raise CandidateFault("finite", f"reward is not finite on {_percent(~np.isfinite(reward))} of {len(reward)} transitions")
    _check_gameable(reward, recorded, limits)


def returns(reward: NDArray[np.float64], recorded: Recorded) -> NDArray[np.float64]:
    """Return the sum of (N,) rewards over each episode: (E,)."""
    total: NDArray[np.float64] = np.bincount(recorded.episode, weights=reward, minlength=len(recorded.utility)).astype(
        np.float64
    )
    return total


def stalling_weights(total: NDArray[np.float64], recorded: Recorded) -> tuple[float, float]:
    """Return the standardised regression weights of (utility, length) in an episode's return.

    Longer life and higher utility go together in real play, so a plain correlation with length would refuse every honest
    reward; the regression separates them.
    """
    columns = np.stack([_standard(recorded.utility), _standard(recorded.steps.astype(np.float64))], axis=1)
    # A little ridge: where the two are nearly collinear, their weights share the effect instead of cancelling.
    gram = columns.T @ columns / len(total) + 0.05 * np.eye(2)
    utility, length = np.linalg.solve(gram, columns.T @ _standard(total) / len(total))
    return float(utility), float(length)


def _check_recorded(recorded: Recorded, width: int) -> None:
    episodes = len(recorded.utility)
    if episodes < MIN_EPISODES:
        raise ValueError(f"a reward is screened on at least {MIN_EPISODES} recorded episodes, found {episodes}; record more")
    if recorded.features.shape != (len(recorded.episode), width) or len(recorded.steps) != episodes:
        raise ValueError(f"recorded features are {recorded.features.shape}, expected ({len(recorded.episode)}, {width})")


def _check_complexity(spec: RewardSpec, limits: RewardLimits) -> None:
    nodes = complexity(spec)
    if nodes > limits.nodes:
        raise CandidateFault("complexity", f"spec has {nodes} nodes, at most {limits.nodes} are allowed; drop terms")


def _check_terms(spec: RewardSpec, names: tuple[str, ...], recorded: Recorded, limits: RewardLimits) -> None:
    """Hold each term to its domain and its clip, and their sum to the bound."""
    x = recorded.features.astype(np.float64)
    for term, evaluate in zip(spec.terms, compile_terms(spec, names, strict=True), strict=True):
        values = evaluate(x)
        finite = np.isfinite(values)
        if not finite.all():
            raise CandidateFault(
                "finite", f"term {term.name!r} is not finite on {_percent(~finite)} of {len(values)} transitions"
            )
        beyond = np.abs(values) > term.clip * (1 + 1e-6)
        if beyond.mean() > limits.saturated:
            raise CandidateFault(
                "bounded", f"term {term.name!r} lies beyond its clip {term.clip:g} on {_percent(beyond)} of transitions"
            )
    if bound(spec) > limits.bound:
        raise CandidateFault(
            "bounded", f"clips allow a reward of {bound(spec):.3g} a step, at most {limits.bound:g} is allowed"
        )


def _check_gameable(reward: NDArray[np.float64], recorded: Recorded, limits: RewardLimits) -> None:
    if reward.std() < 1e-6:
        raise CandidateFault("gameable", f"reward is {reward.mean():.3g} on every recorded transition: no signal")
    total = returns(reward, recorded)
    rate = total / np.maximum(recorded.steps, 1)
    if (with_utility := _correlation(total, recorded.utility)) < limits.against:
        per_step = _correlation(rate, recorded.utility)
        if per_step < limits.against:
            raise CandidateFault(
                "gameable",
                f"return falls with utility: correlation {with_utility:+.2f} per episode and {per_step:+.2f} per step",
            )
    utility, length = stalling_weights(total, recorded)
    if reward.mean() > 0 and length - max(utility, 0.0) > limits.stalling:
        raise CandidateFault(
            "gameable",
            f"return grows with length ({length:+.2f}) rather than with utility ({utility:+.2f}): "
            f"stalling earns {reward.mean():.3g} a step",
        )


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float((_standard(a) * _standard(b)).mean())


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 1e-12 else np.zeros_like(values)


def _percent(mask: NDArray[np.bool_]) -> str:
    return f"{100 * float(mask.mean()):.1f} %"
