"""Helpers for controllers of the balance game."""

from __future__ import annotations


def leaning(observation: dict) -> int:
    """Return the action that pushes under the side to which the pole leans."""
    return 1 if observation["angle"] > 0 else 0


def falling(observation: dict) -> int:
    """Return the action that pushes under the side to which the pole will lean in half a second."""
    return 1 if observation["angle"] + 0.5 * observation["spin"] > 0 else 0


def off_centre(observation: dict) -> float:
    """Return how far the cart is from the middle of its track, as a share of half the track."""
    return abs(observation["motion"][0]) / observation["track"]
