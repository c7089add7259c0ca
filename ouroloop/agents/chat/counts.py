"""What an exchange used, by the server's counts, whose names differ by provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ouroloop.agents.chat.config import counted
from ouroloop.protocols.prices import Tokens, tokens_of

_DETAILS: Final = ("prompt_tokens_details", "input_token_details")
_TIER: Final = ("flex_", "priority_")
"""What LangChain puts before a name for a tier of service."""
_CACHED: Final = frozenset({"cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens", "cache_read"})
"""Tokens from a prompt cache, as OpenAI and Moonshot, DeepSeek, Anthropic and LangChain call them."""
_STORED: Final = frozenset({"cache_write_tokens", "cache_creation_input_tokens", "cache_creation"})
_STORED_FOR: Final = "ephemeral_"
"""How LangChain's names of tokens that went into a cache for a given time begin; it counts none of them twice."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A server's counts; None where it gave none.

    Args:
        asked: tokens of the conversation.
        written: tokens of the reply, thoughts included.
        cached: the part of `asked` that came from a prompt cache.
        stored: the part of `asked` that went into one.
    """

    asked: int | None = None
    written: int | None = None
    cached: int = 0
    stored: int = 0

    def tokens(self, asked: int, written: int) -> Tokens:
        """Return the tokens of an exchange of so many characters; see `config.counted`."""
        return tokens_of(counted(self.asked, asked), counted(self.written, written), self.cached, self.stored)


def counts(tables: Iterable[object]) -> Counts:
    """Return the counts in a server's tables of usage.

    A stream may have a table with each event, and its counts grow, so the highest ones hold.
    """
    found = [_of(table) for table in tables if isinstance(table, Mapping)]
    asked = [one.asked for one in found if one.asked is not None]
    written = [one.written for one in found if one.written is not None]
    return Counts(
        max(asked, default=None),
        max(written, default=None),
        max((one.cached for one in found), default=0),
        max((one.stored for one in found), default=0),
    )


def _of(table: Mapping[str, object]) -> Counts:
    """Return the counts of one table. Gemini and xAI count thoughts in the total alone, and charge for them."""
    asked, written = _first(table, "prompt_tokens", "input_tokens"), _first(table, "completion_tokens", "output_tokens")
    total = _first(table, "total_tokens")
    if asked is not None and written is not None and total is not None and total > asked + written:
        written = total - asked
    parts = [table, *(details for name in _DETAILS if isinstance(details := table.get(name), Mapping))]
    named = [(_plain(name), count) for part in parts for name, count in part.items() if type(count) is int]
    cached = max((count for name, count in named if name in _CACHED), default=0)
    stored = max((count for name, count in named if name in _STORED), default=0)
    kept = sum(count for name, count in named if name.startswith(_STORED_FOR))
    return Counts(asked, written, cached, max(stored, kept))


def _first(table: Mapping[str, object], *names: str) -> int | None:
    """Return the first count under these names; a negative one is none."""
    return next((count for name in names if type(count := table.get(name)) is int and count >= 0), None)


def _plain(name: object) -> str:
    """Return a name without the tier of service."""
    said = str(name)
    return next((said.removeprefix(tier) for tier in _TIER if said.startswith(tier)), said)
