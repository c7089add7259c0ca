from __future__ import annotations

import base64
import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.bench.snake.xl.moves import pack, unpack

GAMES = st.lists(st.lists(st.integers(0, 3), max_size=60), max_size=6)


@settings(max_examples=60, deadline=None)
@given(GAMES)
def test_moves_come_back(games: list[list[int]]) -> None:
    text = pack([np.array(game, np.uint8) for game in games])
    found = unpack(text, [len(game) for game in games])
    assert [game.tolist() for game in found] == games


def test_other_lengths_are_refused() -> None:
    text = pack([np.array([0, 1, 2], np.uint8)])
    for lengths in ([2], [4], [], [3, 1]):
        with pytest.raises(ValueError, match="moves, the steps add up to"):
            unpack(text, lengths)


def test_a_bomb_is_not_unfolded() -> None:
    text = base64.b64encode(lzma.compress(bytes(50_000_000))).decode()
    with pytest.raises(ValueError, match="more than 3 moves"):
        unpack(text, [3])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lzma.compress(b"\0\7\1"), "no turn"),
        (lzma.compress(b"\0\1\1") + b"x", "say nothing"),
        (lzma.compress(b"\0\1\1")[:-8], "moves"),
        (b"nothing" * 10, "damaged"),
    ],
)
def test_what_is_no_moves_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        unpack(base64.b64encode(data).decode(), [3])


def test_texts_that_are_no_base64_are_refused() -> None:
    for text in ("é", "ab!d", "abc"):
        with pytest.raises(ValueError, match="damaged"):
            unpack(text, [1])
