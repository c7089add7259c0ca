"""The layers that a reward spec passes before training: schema, finite, bounded, complexity, gameable.

All of them look at recorded transitions of real episodes, none at the spec's text beyond its grammar. The last one asks
what a learner would be paid for. Episodes are cut into spans at every progress event, and three kinds of pay are refused:

- pay for going round in circles: what the reward sums to between two moments of a span that look alike. A difference of
  potentials sums to 0 there (Ng, Harada, Russell 1999), a bonus for living on does not;
- pay for losing: more on the last move of an episode than on any usual one;
- pay against progress: less, per move, in spans that end in progress than in those that do not.

The progress event is found in the data: the 0-or-1 feature whose count explains utility best.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import RewardSpec
from ouroloop.rewards.language import bound, compile_spec, compile_terms, complexity

MIN_EPISODES = 8


@dataclass(frozen=True, slots=True)
class Recorded:
    """Transitions of E real episodes.

    Args:
        features: (N, F) float32, columns in the task's order; the transitions of an episode stand in order of time, those of
            different episodes may be mixed. Play that explores shows more: nobody can stall who never wastes a move.
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
        circling: largest pay per step of going round in circles, as a share of the mean absolute reward.
        returns: alike moments below which the circles tell nothing; an always positive reward is refused then.
        losing: how many standard deviations above the others the pay of a lost episode's last move may be.
        against: how many standard deviations the pay per move may be lower in spans that end in progress.
    """

    bound: float = 20.0
    saturated: float = 0.9
    nodes: int = 160
    circling: float = 0.3
    returns: int = 10
    losing: float = 0.5
    against: float = 0.25


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


def progress_column(recorded: Recorded) -> int | None:
    """Return the column of the 0-or-1 feature whose count per episode explains utility best, None where none does (0.8)."""
    best, column = 0.8, None
    for index in range(recorded.features.shape[1]):
        values = recorded.features[:, index].astype(np.float64)
        if np.isin(values, (0.0, 1.0)).all():
            count = np.bincount(recorded.episode, weights=values, minlength=len(recorded.utility)).astype(np.float64)
            if (explained := _correlation(count, recorded.utility)) > best:
                best, column = explained, index
    return column


def circling_pay(reward: NDArray[np.float64], features: NDArray[np.float32], span: NDArray[np.int64]) -> tuple[float, int]:
    """Return the mean reward per step between consecutive alike moments of a span, and how many such pairs there were.

    Args:
        reward: (N,), in order of time within each span.
        features: (N, F). Columns that only ever grow within a span (a clock) do not count towards likeness.
        span: (N,), growing.
    """
    # A span's last transition is an event that may set a clock back.
    inner = np.append(span[1:] == span[:-1], False)
    change = np.diff(features, axis=0)[inner[1:] & inner[:-1]]
    clock = (change >= 0).all(axis=0) & (change > 0).any(axis=0)
    look = np.column_stack([span, np.round(features[:, ~clock].astype(np.float64), 4)])
    alike = np.unique(look, axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(alike, kind="stable")
    pair = alike[order][1:] == alike[order][:-1]
    first, again = order[:-1][pair], order[1:][pair]
    paid = np.cumsum(reward)
    steps = int((again - first).sum())
    return (float((paid[again] - paid[first]).sum()) / steps if steps else 0.0), len(first)


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
    order = np.argsort(recorded.episode, kind="stable")
    reward, features, episode = reward[order], recorded.features[order], recorded.episode[order]
    last = np.append(episode[1:] != episode[:-1], True)
    column = progress_column(recorded)
    progress = features[:, column] > 0 if column is not None else np.zeros(len(reward), bool)
    span = np.cumsum(np.concatenate([[0], (last | progress)[:-1]]))
    _check_circling(reward, features, span, limits)
    _check_ends(reward, last & ~progress, np.isin(span, span[progress]), limits)


def _check_circling(
    reward: NDArray[np.float64], features: NDArray[np.float32], span: NDArray[np.int64], limits: RewardLimits
) -> None:
    pay, pairs = circling_pay(reward, features, span)
    usual = float(np.abs(reward).mean())
    if pairs >= limits.returns and pay > limits.circling * usual:
        raise CandidateFault(
            "gameable",
            f"going round in circles earns {pay:.3g} a step ({pairs} returns to alike states; mean |reward| {usual:.3g})",
        )
    if pairs < limits.returns and (reward > 0).mean() > 0.95:
        raise CandidateFault(
            "gameable", f"{_percent(reward > 0)} of all transitions are paid for, whatever they bring: living on earns it"
        )


def _check_ends(reward: NDArray[np.float64], lost: NDArray[np.bool_], won: NDArray[np.bool_], limits: RewardLimits) -> None:
    """Compare last moves of episodes (`lost`), and spans that end in progress (`won`), with the rest."""
    spread = float(reward.std())
    usual = float(reward[~lost].mean()) if (~lost).any() else 0.0
    end = float(reward[lost].mean()) if lost.any() else 0.0
    if end > 0 and end - usual > limits.losing * spread:
        raise CandidateFault("gameable", f"losing earns {end:.3g} on the last move, a usual move {usual:.3g}")
    if won.any() and not won.all():
        gain, rest = float(reward[won].mean()), float(reward[~won].mean())
        if gain - rest < -limits.against * spread:
            raise CandidateFault("gameable", f"a move earns {gain:.3g} on the way to progress, {rest:.3g} where none follows")


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float((_standard(a) * _standard(b)).mean())


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 1e-12 else np.zeros_like(values)


def _percent(mask: NDArray[np.bool_]) -> str:
    return f"{100 * float(mask.mean()):.1f} %"
