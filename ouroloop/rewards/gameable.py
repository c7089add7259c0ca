"""Whether a reward pays for circling, or for behaviour unrelated to progress."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault
from ouroloop.rewards.recorded import Recorded, RewardLimits


def progress_column(recorded: Recorded) -> int | None:
    """Return the column of the 0-or-1 feature whose count per episode explains utility best; None if none reaches 0.8."""
    best, column = 0.8, None
    for index in range(recorded.features.shape[1]):
        values = recorded.features[:, index].astype(np.float64)
        if np.isin(values, (0.0, 1.0)).all():
            count = np.bincount(recorded.episode, weights=values, minlength=len(recorded.utility)).astype(np.float64)
            if (explained := _correlation(count, recorded.utility)) > best:
                best, column = explained, index
    return column


def circling_pay(reward: NDArray[np.float64], features: NDArray[np.float32], span: NDArray[np.int64]) -> tuple[float, int]:
    """Return the mean reward per step between consecutive alike moments of a span, and the number of such pairs.

    Args:
        reward: (N,), in order of time within each span.
        features: (N, F). Columns that only grow within a span (a clock) do not count towards likeness.
        span: (N,), ascending.
    """
    # A span's last transition is an event that may reset a clock.
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


def check_gameable(reward: NDArray[np.float64], recorded: Recorded, limits: RewardLimits) -> None:
    """Refuse a reward without signal, and one that can be gamed: by circling, by losing, or against progress."""
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
            "gameable", f"{percent(reward > 0)} of all transitions are paid for, whatever they bring: living on earns it"
        )


def _check_ends(reward: NDArray[np.float64], lost: NDArray[np.bool_], won: NDArray[np.bool_], limits: RewardLimits) -> None:
    """Compare the last moves of lost episodes (`lost`), and spans that end in progress (`won`), with the rest."""
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


def percent(mask: NDArray[np.bool_]) -> str:
    """Return the share of true entries as text."""
    return f"{100 * float(mask.mean()):.1f} %"
