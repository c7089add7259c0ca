"""How one error budget is spent over all tests of a run."""

from __future__ import annotations


def summable_share(alpha: float, test: int) -> float:
    """Return the share of `alpha` for test number `test` (from 1): alpha / (k (k + 1)), which sums to alpha.

    By the union bound the chance that a run of any length accepts anything that is not better stays under `alpha`, however
    the candidates were chosen.
    """
    if test < 1:
        raise ValueError(f"tests are counted from 1, found {test}")
    return alpha / (test * (test + 1))
