"""Further tries of a question, within its time.

The clients of providers have retries of their own. They sleep as long as the server asks, even beyond the time of the question,
and then nobody learns what the server said.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ouroloop.agents.chat.faults import header, is_without_credit, status_of

_AGAIN: Final = (408, 409, 429)
"""Statuses below 500 that pass."""
_FIRST_S: Final = 0.5
_MOST_S: Final = 8.0


class Tries:
    """The tries of one question.

    Args:
        most: how often it may be asked again.
        seed: that of the question; questions side by side wait for different times.
    """

    def __init__(self, most: int, seed: int) -> None:
        """Begin with none."""
        self._left, self._made = most, 0
        self._spread = 1 + seed % 8 / 8
        self.last: Exception | None = None
        """What came of the last one that failed."""

    def pause_s(self, error: Exception, left_s: float) -> float | None:
        """Return the seconds until the question is asked again; None if it is not.

        Args:
            error: what came of the last try.
            left_s: the seconds until the question's time is over.
        """
        if not self._left or not _passes(error):
            return None
        pause = _asked_s(error) or min(_FIRST_S * 2**self._made, _MOST_S) * self._spread
        if pause >= left_s:
            return None
        self._left, self._made, self.last = self._left - 1, self._made + 1, error
        return pause


def _passes(error: Exception) -> bool:
    """Return whether the same question may succeed later."""
    said = header(error, "x-should-retry")
    if said in ("true", "false"):
        return said == "true"
    status = status_of(error)
    if status is None:
        return re.search(r"Connection|Connect", type(error).__name__) is not None
    return (status in _AGAIN or status >= 500) and not is_without_credit(error)


def _asked_s(error: Exception) -> float:
    """Return the seconds that a server asks to wait; 0 if it asks for none."""
    try:
        said = float(header(error, "retry-after-ms")) / 1000
    except ValueError:
        said = _seconds(header(error, "retry-after"))
    return said if math.isfinite(said) and said > 0 else 0.0


def _seconds(said: str) -> float:
    try:
        return float(said)
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a zone
        return 0.0
