"""Python from outside, read without a word: the parser's warnings would stand in the output of a run."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

UNREADABLE: Final = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What the parser raises at a text that it cannot read."""
VERSION: Final = (3, 11)
"""The Python that controllers are written in."""
_one_at_a_time: Final = threading.Lock()
"""The filters of warnings belong to the process."""


@contextmanager
def unwarned() -> Iterator[None]:
    """Keep warnings back."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parse_module(source: str) -> ast.Module:
    """Return the tree of a module; see `UNREADABLE`."""
    with unwarned():
        return ast.parse(source, "controller.py", feature_version=VERSION)


def parse_expression(text: str) -> ast.expr:
    """Return the tree of an expression; see `UNREADABLE`."""
    with unwarned():
        return ast.parse(text.strip(), mode="eval", feature_version=VERSION).body
