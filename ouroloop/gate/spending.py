"""How one error budget is spent over all tests of a run, however many they are and however their candidates are chosen.

A test is a race. Its candidates share the level evenly, so the chance that any of them errs is at most that level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ouroloop.protocols.records import Spent

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Spending


class Series:
    """A summable series: test k may err with alpha / (k (k + 1)), which adds up to alpha.

    By the union bound, the chance that a run of any length accepts *anything* that is not better stays below alpha (the
    family-wise error rate).
    """

    name = "series"
    controls = "chance that the run accepts anything not better"

    def __init__(self, alpha: float) -> None:
        """Keep the run's budget."""
        self.alpha = alpha

    def level(self, history: Sequence[Spent]) -> float:
        """Return the level of the test after these; which of them accepted does not matter."""
        test = len(history) + 1
        return self.alpha / (test * (test + 1))

    def left(self, history: Sequence[Spent]) -> float:
        """Return the budget that remains for all further tests together."""
        return self.alpha / (len(history) + 1)


class ELond:
    """Online control of the false discovery rate: e-LOND (Xu and Ramdas 2024, "Online multiple testing with e-values").

    Test k may err with alpha g_k (D + 1), where D candidates were accepted before it and the g_k = 1 / (k (k + 1)) sum to 1.
    The expected share of accepted candidates that are not better stays below alpha, however the tests depend on one another.
    Every acceptance makes the next one easier, which suits long runs.
    """

    name = "e-lond"
    controls = "expected share of accepted candidates that are not better"

    def __init__(self, alpha: float) -> None:
        """Keep the bound on the rate."""
        self.alpha = alpha

    def level(self, history: Sequence[Spent]) -> float:
        """Return the level of the test after these."""
        test = len(history) + 1
        return self.alpha * self._raised(history) / (test * (test + 1))

    def left(self, history: Sequence[Spent]) -> float:
        """Return the budget that remains for all further tests together if none of them accepts."""
        return self.alpha * self._raised(history) / (len(history) + 1)

    def _raised(self, history: Sequence[Spent]) -> int:
        return 1 + sum(spent.accepted for spent in history)


RULES: dict[str, type[Series] | type[ELond]] = {rule.name: rule for rule in (Series, ELond)}
"""The rules that a recipe may name."""


def spending(rule: str, alpha: float) -> Spending:
    """Return the named rule over a budget."""
    return RULES[rule](alpha)
