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
        stored: tokens of conversations that it read and put into its prompt cache.
    """

    read: int = 0
    cached: int = 0
    written: int = 0
    stored: int = 0

    @property
    def asked(self) -> int:
        """The tokens of conversations."""
        return self.read + self.cached + self.stored

    @property
    def total(self) -> int:
        """All tokens."""
        return self.asked + self.written

    def __add__(self, other: Tokens) -> Tokens:
        """Return both together."""
        return Tokens(
            self.read + other.read,
            self.cached + other.cached,
            self.written + other.written,
            self.stored + other.stored,
        )


def tokens_of(asked: int, written: int, cached: object = 0, stored: object = 0) -> Tokens:
    """Return the tokens of an exchange; parts of the `asked` ones that cannot be true are none."""
    from_cache = cached if type(cached) is int and 0 <= cached <= asked else 0
    into_cache = stored if type(stored) is int and 0 <= stored <= asked - from_cache else 0
    return Tokens(asked - from_cache - into_cache, from_cache, written, into_cache)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars of a million tokens; the parts are those of `Tokens`."""

    read: float = 0.0
    cached: float = 0.0
    written: float = 0.0
    stored: float = 0.0

    def of(self, used: Tokens) -> float:
        """Return what tokens cost, in US dollars."""
        conversations = used.read * self.read + used.cached * self.cached + used.stored * self.stored
        return (conversations + used.written * self.written) / MILLION
