"""Python from outside is read without a word, in any thread."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ouroloop.protocols.syntax import UNREADABLE, parse_expression, parse_module

WARNED = "1if 2 else 3"


@pytest.mark.parametrize("parse", [parse_module, parse_expression])
def test_the_parser_keeps_its_warnings(parse: Callable[[str], object]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compile(WARNED, "here", "eval")
        assert len(caught) == 1
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(parse, [WARNED] * 200))
        assert len(caught) == 1
        compile(WARNED, "here", "eval")
        assert len(caught) == 2


@pytest.mark.parametrize("text", ["1 +", "\0", "-" * 100_000 + "1"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UNREADABLE):
        parse_expression(text)
