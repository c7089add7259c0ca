"""Failing in more games than allowed is shown by a test, not by the first unlucky games."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.gate.failures import LEVEL, too_many

LOOKS = range(8, 257, 8)


def sent_away(share: float, runs: int = 400) -> float:
    """Return how often a candidate that fails in this share of its games is ever sent away."""
    failed = (np.random.default_rng(7).random((runs, 256)) < share).cumsum(axis=1)
    return float(np.mean([any(too_many(int(row[n - 1]), n) for n in LOOKS) for row in failed]))


@pytest.mark.parametrize("share", [0.1, 0.15, 0.2, 0.25])
def test_who_fails_in_no_more_games_than_allowed_stays(share: float) -> None:
    assert sent_away(share) <= LEVEL


@pytest.mark.parametrize("share", [0.5, 0.75, 1.0])
def test_who_fails_in_far_more_goes(share: float) -> None:
    assert sent_away(share) == 1


def test_one_that_always_fails_goes_within_the_first_block_and_three_of_eight_are_no_proof() -> None:
    assert too_many(8, 8)
    assert not too_many(3, 8)
    assert not too_many(0, 10_000)
