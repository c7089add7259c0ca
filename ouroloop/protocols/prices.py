"""Tokens of chat models, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that exchanges with a chat model used.

    Args:
        read: tokens of conversations that the endpoint read.
        cached: tokens of conversations that it took from its prompt cache.
        written: tokens of replies.
    """

    read: int = 0
    cached: int = 0
    written: int = 0

    @property
    def total(self) -> int:
        """All tokens."""
        return self.read + self.cached + self.written

    def __add__(self, other: Tokens) -> Tokens:
        """Return both together."""
        return Tokens(self.read + other.read, self.cached + other.cached, self.written + other.written)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars of a million tokens; the parts are those of `Tokens`."""

    read: float = 0.0
    cached: float = 0.0
    written: float = 0.0

    def of(self, used: Tokens) -> float:
        """Return what tokens cost, in US dollars."""
        return (used.read * self.read + used.cached * self.cached + used.written * self.written) / MILLION
