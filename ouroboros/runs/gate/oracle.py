"""The A* screen: moves on a bank of positions, weighed by the oracle's regret. It rejects the hopeless and orders the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FATAL = 0.5
"""A move with this regret or more dies or gets trapped."""
MARGIN = 0.05
"""The hopeless lose at so many more of the positions than the incumbent, beyond three standard errors."""


@dataclass(frozen=True, slots=True)
class BankScore:
    """Candidate against incumbent on the bank.

    Args:
        regret: the candidate's mean regret.
        incumbent_regret: the incumbent's.
        fatal: share of positions where the candidate's move dies or is trapped.
        incumbent_fatal: the incumbent's.
        changed: share of positions where the two move differently.
        positions: size of the bank.
    """

    regret: float
    incumbent_regret: float
    fatal: float
    incumbent_fatal: float
    changed: float
    positions: int

    @property
    def objection(self) -> str | None:
        """Why the candidate need not play, or None."""
        if self.changed == 0:
            return f"same moves as the incumbent on all {self.positions} positions"
        excess = self.fatal - self.incumbent_fatal
        error = (self.changed / self.positions) ** 0.5
        if excess > max(MARGIN, 3 * error):
            return f"loses at {self.fatal:.0%} of {self.positions} positions, the incumbent at {self.incumbent_fatal:.0%}"
        return None


def score_bank(regret: NDArray[np.float32], candidate: NDArray[np.int8], incumbent: NDArray[np.int8] | None) -> BankScore:
    """Compare moves on the bank.

    Args:
        regret: (B, A) float32, the oracle's regret of each move.
        candidate: (B,) int8 moves.
        incumbent: (B,) int8 moves; None where it fails, which counts as losing everywhere.

    Returns:
        The comparison; `changed / positions` bounds the variance of the difference of fatal shares.
    """
    rows = np.arange(len(regret))
    mine = regret[rows, candidate].astype(np.float64)
    theirs = np.ones(len(rows)) if incumbent is None else regret[rows, incumbent].astype(np.float64)
    return BankScore(
        regret=round(float(mine.mean()), 9),
        incumbent_regret=round(float(theirs.mean()), 9),
        fatal=float((mine >= FATAL).mean()),
        incumbent_fatal=float((theirs >= FATAL).mean()),
        changed=1.0 if incumbent is None else float((candidate != incumbent).mean()),
        positions=len(rows),
    )
