"""Candidates that are no better than the incumbent: given the past, no difference of utility has a mean above 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Utilities = tuple[Floats, Floats]
"""Of the incumbent (n,) and of the candidates (K, n)."""
QUIET: Final = 0.02
"""Size of a difference in a game that hardly matters."""
WILD: Final = 0.9
"""Size of a difference in a game that decides."""


def same_player(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """The incumbent itself, with other luck."""
    return rng.beta(2, 2, games), rng.beta(2, 2, (field, games))


def heavy_tails(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Nearly always slightly better, now and then lost: 0.62 in 97 of 100 games and 0 in 3, against a constant 0.6014."""
    return np.full(games, 0.97 * 0.62), np.where(rng.random((field, games)) < 0.03, 0.0, 0.62)


def ties(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Equal in nine games of ten, else better or worse by the same amount."""
    incumbent = np.full(games, 0.5)
    return incumbent, incumbent + np.where(rng.random((field, games)) < 0.9, 0.0, rng.choice([-0.5, 0.5], (field, games)))


def correlated_seeds(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Seeds that are hard or easy for all players alike, and candidates that share half of their luck."""
    hard, shared = rng.beta(1, 1, games), rng.uniform(-0.2, 0.2, games)
    own = rng.uniform(-0.2, 0.2, (field, games))
    return 0.3 + 0.4 * hard + rng.uniform(-0.2, 0.2, games), 0.3 + 0.4 * hard + 0.5 * (shared + own)


def worse(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Worse by 0.02, with a wide spread of luck."""
    return rng.beta(2, 2, games), 0.96 * rng.beta(2, 2, (field, games))


def all_or_nothing(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Won or lost by a coin toss: the widest possible spread."""
    return rng.integers(0, 2, games).astype(np.float64), rng.integers(0, 2, (field, games)).astype(np.float64)


def rare_gains(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Slightly worse in 19 games of 20, and much better in the other one: -0.05 and 0.95."""
    return np.full(games, 0.05), np.where(rng.random((field, games)) < 0.05, 1.0, 0.0)


def rare_swings(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Ties, but for one game of 50 that only one of the two wins."""
    return _swings(rng, np.where(rng.random((field, games)) < 0.02, 1.0, 0.0))


def regimes(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Quiet and wild stretches of 40 games on average, at other times for each candidate."""
    wild = (rng.random((field, games)) < 1 / 40).cumsum(axis=1) % 2
    return _swings(rng, np.where(wild == 1, WILD, QUIET))


def clustered(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Large differences follow on large ones: the size is nine tenths of the last, with a jolt now and then."""
    size, jolts = np.zeros((field, games)), np.where(rng.random((field, games)) < 0.05, rng.random((field, games)), 0.0)
    for t in range(games):
        size[:, t] = np.maximum(jolts[:, t], 0.9 * size[:, t - 1] if t else 0.0)
    return _swings(rng, size)


def quits_ahead(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """An opponent of the test: swings as widely as it can while it is behind or level, and hardly at all once it is ahead."""
    incumbent = rng.integers(0, 2, games).astype(np.float64)
    candidates, ahead = np.zeros((field, games)), np.zeros(field)
    for t in range(games):
        size = np.where(ahead > 3, QUIET, WILD)
        candidates[:, t] = incumbent[t] + size * (1 - 2 * incumbent[t])
        ahead += candidates[:, t] - incumbent[t]
    return incumbent, candidates


def fades(rng: np.random.Generator, field: int, games: int) -> Utilities:
    """Level at first, and worse by 0.1 whenever it is ahead in the sum: a good start is luck, and is given back."""
    noise, found, ahead = rng.choice([-0.35, 0.35], (field, games)), np.zeros((field, games)), np.zeros(field)
    for t in range(games):
        found[:, t] = noise[:, t] - np.where(ahead > 0, 0.1, 0.0)
        ahead += found[:, t]
    return np.full(games, 0.5), 0.5 + found


def _swings(rng: np.random.Generator, sizes: Floats) -> Utilities:
    """Return an incumbent that wins or loses by a coin toss, and candidates that differ from it by these sizes (K, n)."""
    incumbent: Floats = rng.integers(0, 2, len(sizes[0])).astype(np.float64)
    return incumbent, incumbent + sizes * (1 - 2 * incumbent)


Null = Callable[[np.random.Generator, int, int], Utilities]
"""(random, candidates, games) -> utilities."""
NULLS: Final[tuple[Null, ...]] = (
    *(same_player, heavy_tails, ties, correlated_seeds, all_or_nothing, worse),
    *(rare_gains, rare_swings, regimes, clustered, quits_ahead, fades),
)
KINDS: Final = {kind.__name__: kind for kind in NULLS}
