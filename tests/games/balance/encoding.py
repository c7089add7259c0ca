"""What a language model reads of the balance game: four numbers, each rounded into one of a few bins that has a token.

at07 by03 leans05 turns04
"""

from __future__ import annotations

import numpy as np

from ouroloop.protocols.encoding import action_tokens, first_words
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Observations
from tests.games.balance.engine import ANGLE

BINS = 11
"""Bins of a number; those at the ends are open."""
FIELDS = ("at", "by", "leans", "turns")
SPEED, SPIN = 2.0, 2.0
"""Speed and spin at which the outer bins begin."""


class BinsEncoding:
    """Place, speed, angle and spin in bins; the place as a share of the track."""

    name = "bins"
    actions = action_tokens(2)
    pieces = "[a-z]+[0-9]{2} ?|[01]"
    separator = ""
    joints = ()
    longest = len(FIELDS)
    example = "at05 by05 leans05 turns05 "
    signs = "abcdefghijklmnopqrstuvwxyz0123456789 "

    def __init__(self, track: float) -> None:
        self.track = track
        self.settings = {"track": track}
        self.vocabulary = (*first_words(2), *(f"{field}{bin_:02d} " for field in FIELDS for bin_ in range(BINS)))

    def encode_batch(self, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
        first = len(first_words(2)) + BINS * np.arange(len(FIELDS))
        ids = (first + self._bins(observations)).astype(np.int32)
        return ids, np.ones(ids.shape, dtype=bool)

    def texts(self, observations: Observations) -> list[str]:
        ids, _ = self.encode_batch(observations)
        return ["".join(self.vocabulary[token] for token in row) for row in ids]

    def hinted(self, observations: Observations) -> list[str]:
        return self.texts(observations)

    def _bins(self, observations: Observations) -> np.ndarray:
        found = observations.constants["track"]
        if found != self.track:
            raise UsageError(f"this encoding is for a track of {self.track} m, found observations of {found} m")
        columns = observations.columns
        seen = np.column_stack([columns["motion"], columns["angle"], columns["spin"]])
        scaled = seen / np.array([self.track, SPEED, ANGLE, SPIN])
        return np.clip(((scaled + 1) / 2 * BINS).astype(np.int64), 0, BINS - 1)
