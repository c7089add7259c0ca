"""Passwords and keys where they do not belong. A recipe is saved with its run, and errors go into the ledger and into logs.

A secret belongs in an environment variable; the recipe holds the variable's name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from ouroloop.protocols.text import plain_line, whole

_LOGIN: Final = re.compile(r"(?<=://)[^/\s@?#]+@")
"""The user and password of a URL."""
_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,}|gh[opsu]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|xox[abprs]-[\w-]{10,}"
    r"|gsk_[A-Za-z0-9]{16,}|xai-[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}|AKIA[A-Z0-9]{16}|AIza[\w-]{30,}|glpat-[\w-]{16,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)"
)
"""Keys of well-known providers, and JSON web tokens, by their form."""
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/._=-]{16,}")
_QUERY: Final = re.compile(r"(?i)([?&][\w.-]*(?:key|token|secret|password|passwd|pwd|sig|signature|auth)=)[^&\s'\"]+")
_NAMES: Final = re.compile(
    r"(?i)(^(key|token|auth)|(^|[_.-])((api|access|secret|private|auth)[_-]?keys?|secrets?|passwords?|passwd|pwd|passphrase"
    r"|(auth|access|api|bearer|refresh|hf)[_-]?tokens?|authorization|credentials?|cookie|bearer))$"
)
"""Keys of a table whose values are secrets; `max_tokens` and `api_key_env` are none."""
_VARIABLE: Final = re.compile(r"(?i)(^|_)(key|token)$")
"""Environment variables that hold keys: `MISTRAL_API_KEY`, `HF_TOKEN`."""
_SHORTEST: Final = 16
"""Characters of a key; what is shorter may be a word."""
_READ: Final = 20_000
"""Characters of a text that a line is made of."""


def redacted(text: str) -> str:
    """Return text with whatever looks like a password or a key replaced by `***`."""
    text = _QUERY.sub(r"\1***", _LOGIN.sub("***@", text))
    return _BEARER.sub(r"\1 ***", without_keys(text))


def without_keys(text: str, *keys: str) -> str:
    """Return text with keys replaced by `***`; all else stays, so that a text may be code.

    Keys are known by their form, or as the value of an environment variable whose name ends in `KEY` or `TOKEN`.

    Args:
        text: what a model or a server said.
        keys: further keys. One with fewer than 16 characters is none: servers without keys are given words instead.
    """
    held = {value.strip() for name, value in os.environ.items() if _VARIABLE.search(name)} | set(keys)
    for key in sorted(held, key=len, reverse=True):  # a key may begin with another one
        if len(key) >= _SHORTEST:
            text = text.replace(key, "***")
    return _TOKEN.sub("***", text)


def redacted_line(text: str, limit: int = 300) -> str:
    """Return text as `plain_line` does, without passwords and keys; they go first, since the half of one has no form."""
    return plain_line(redacted(whole(text[:_READ])), limit)


def secrets_in(table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield (dotted key, what it is) of each value in a table, at any depth, that holds a password or a key."""
    for key, value in table.items():
        yield from _secrets(str(key), value)


def _secrets(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        yield from ((f"{key}.{where}", what) for where, what in secrets_in(value))
    elif isinstance(value, list | tuple):
        yield from (found for entry in value for found in _secrets(key, entry))
    elif isinstance(value, str) and value and (what := _secret(key, value)):
        yield key, what


def _secret(key: str, value: str) -> str:
    """Return what kind of secret a text is; empty if it is none."""
    if _NAMES.search(_snake(key)):
        return "a secret"
    if _LOGIN.search(value):
        return "a user or password in a URL"
    if _TOKEN.search(value) or _BEARER.search(value):
        return "a key"
    return "a key in a URL's query" if "://" in value and _keyed(value) else ""


def _keyed(url: str) -> bool:
    try:
        return any(_NAMES.search(_snake(name)) and value for name, value in parse_qsl(urlsplit(url).query))
    except ValueError:  # no URL after all
        return False


def _snake(name: str) -> str:
    """Return `apiKey` as `api_Key`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
