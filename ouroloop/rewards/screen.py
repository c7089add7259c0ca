"""The layers that a reward spec passes before training: schema, finite, bounded, complexity, gameable.

All of them look at recorded transitions of real episodes, and none at the spec's text beyond its grammar. The last one asks
what a learner would be paid for. Every progress event ends a span of its episode. Three kinds of pay are refused:

- pay for going in circles: the sum of the reward between two moments of a span that look alike. A difference of potentials
  sums to 0 there (Ng, Harada, Russell 1999), but a bonus for living on does not;
- pay for losing: more on the last move of an episode than on a usual move;
- pay against progress: less per move in spans that end in progress than in those that do not.

The data reveal the progress event: it is the 0-or-1 feature whose count explains utility best.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import RewardSpec
from ouroloop.rewards.gameable import check_gameable, percent
from ouroloop.rewards.language import bound, compile_spec, compile_terms, complexity
from ouroloop.rewards.recorded import Recorded, RewardLimits

MIN_EPISODES = 8


DEFAULT_LIMITS = RewardLimits()


def screen_spec(spec: RewardSpec, features: Iterable[str], recorded: Recorded, limits: RewardLimits = DEFAULT_LIMITS) -> None:
    """Pass silently, or raise.

    Raises:
        CandidateFault: layer `schema`, `finite`, `bounded`, `complexity` or `gameable`, with the numbers.
        ValueError: fewer than 8 episodes were recorded, or the arrays do not match.
    """
    names = tuple(features)
    _check_recorded(recorded, len(names))
    _check_complexity(spec, limits)
    _check_terms(spec, names, recorded, limits)
    reward = compile_spec(spec, names)(recorded.features).astype(np.float64)
    if not np.isfinite(reward).all():
        raise CandidateFault("finite", f"reward is not finite on {percent(~np.isfinite(reward))} of {len(reward)} transitions")
    check_gameable(reward, recorded, limits)


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
    """Check that each term stays in its domain and within its clip, and their sum within the bound."""
    x = recorded.features.astype(np.float64)
    for term, evaluate in zip(spec.terms, compile_terms(spec, names, strict=True), strict=True):
        values = evaluate(x)
        finite = np.isfinite(values)
        if not finite.all():
            raise CandidateFault(
                "finite", f"term {term.name!r} is not finite on {percent(~finite)} of {len(values)} transitions"
            )
        beyond = np.abs(values) > term.clip * (1 + 1e-6)
        if beyond.mean() > limits.saturated:
            raise CandidateFault(
                "bounded", f"term {term.name!r} lies beyond its clip {term.clip:g} on {percent(beyond)} of transitions"
            )
    if bound(spec) > limits.bound:
        raise CandidateFault(
            "bounded", f"clips allow a reward of {bound(spec):.3g} a step, at most {limits.bound:g} is allowed"
        )
