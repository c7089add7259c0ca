"""The bound beside an acceptance agrees with it, and covers."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.gate.betting import PairedTest
from ouroloop.gate.bound import shown_gain

RULES = {"gain": 0.03, "games": 256}


@pytest.mark.parametrize("alpha", [0.025, 0.01])
def test_it_is_there_where_the_bets_accept_and_never_below_zero(alpha: float) -> None:
    random, accepted = np.random.default_rng(2), 0
    for _ in range(60):
        x = random.normal(0.06, 0.25, 256).clip(-1, 1)
        test = PairedTest(alpha=alpha, beta=0.07, **RULES)
        test.add(x)
        bound = shown_gain(x, alpha=alpha, **RULES)
        assert (bound is not None) == test.better.won
        assert bound is None or 0 <= bound < x.mean() + 0.2
        accepted += test.better.won
    assert accepted > 20


def test_it_covers_the_true_gain_at_the_level_spent() -> None:
    random, above, true = np.random.default_rng(4), 0, 0.1
    for _ in range(400):
        bound = shown_gain(random.choice([-0.4, 0.6], 256), alpha=0.1, **RULES)
        above += bound is not None and bound > true
    assert above <= 400 * 0.1
