"""The wording of scores, shares and board sides."""

from __future__ import annotations

from typing import Any


def spread(score: dict[str, float]) -> str:
    """Return a mean with its interval."""
    return f"{score['mean']:g} ({score['low']:g} to {score['high']:g})"


def share(gain: dict[str, float]) -> str:
    """Return a relative gain with its interval."""
    return f"{gain['mean']:+.0%} ({gain['low']:+.0%} to {gain['high']:+.0%})"


def side(section: dict[str, Any]) -> str:
    """Return a board as text."""
    return f"{section['size']} x {section['size']}"


def groups(board: dict[str, Any]) -> str:
    """Return the number of states in a step and of answers in each."""
    return f"{board['states']} x {board['group']}"


def clear(row: dict[str, Any]) -> str:
    """Return whether a case gave one clear error and kept what it should keep."""
    lines = "" if row["lines"] == 1 else f", {row['lines']} lines"
    return f"{'yes' if row['one_clear_error'] else 'NO'}{lines}{'' if row['kept'] is not False else ', not kept'}"
