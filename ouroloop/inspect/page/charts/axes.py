"""Scales from values to places, and the ticks that name them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from ouroloop.inspect.page.charts.svg import line, text

STEPS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from [low, high] to [start, end] in the picture."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; what is beyond the ends is put a little beyond them."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + (self.end - self.start) * min(1.02, max(-0.02, share))


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Return a range with a margin on both sides; a range of one value becomes a wider one."""
    margin = (high - low) * share or max(abs(high), 1.0) * 0.1
    return low - margin, high + margin


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round values within a range, about `count` of them."""
    rough = (high - low) / max(count, 1)
    if not math.isfinite(rough) or rough <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((step * power for step in STEPS if step * power >= rough * 0.999), 0.0)
    if not step:
        return [low]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def decimals(values: list[float]) -> int:
    """Return how many decimals tell values apart, at most six."""
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    return next((count for count in range(7) if abs(round(step, count) - step) < step * 1e-6), 6)


def side_axis(scale: Scale, left: float, right: float, *, count: int = 5) -> Markup:
    """Return horizontal lines with their values on the left."""
    found = ticks(scale.low, scale.high, count)
    places = decimals(found)
    parts = []
    for value in found:
        y = scale(value)
        parts += [line(left, y, right, y, "grid"), text(left - 6, y + 3.5, f"{value:.{places}f}", "tick", "end")]
    return Markup("").join(parts)


def foot_axis(scale: Scale, foot: float, *, whole: bool = False, count: int = 8, top: float | None = None) -> Markup:
    """Return values below a chart.

    Args:
        scale: of x.
        foot: y of the lower edge.
        whole: only whole numbers, such as rounds.
        count: about how many.
        top: y of the upper edge, if lines are to be drawn up to it.
    """
    found = ticks(scale.low, scale.high, count)
    if whole:
        found = sorted({float(round(value)) for value in found if scale.low <= round(value) <= scale.high})
    places = 0 if whole else decimals(found)
    parts = []
    for value in found:
        if top is not None:
            parts.append(line(scale(value), top, scale(value), foot, "grid"))
        parts.append(text(scale(value), foot + 15, f"{value:.{places}f}", "tick", "middle"))
    return Markup("").join(parts)
