"""Streams of game seeds never meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.protocols.seeds import MASK, STREAM_LENGTH, STREAMS, game_seeds, splitmix

GOLDEN_INVERSE = pow(0x9E3779B97F4A7C15, -1, 1 << 64)


def unsplitmix(seed: int, value: int) -> int:
    """Invert `splitmix`: the index that gives `value`. That it exists proves that no two indices share a value."""

    def unshift(z: int, bits: int) -> int:
        out = z
        for _ in range(64 // bits + 1):
            out = z ^ (out >> bits)
        return out

    z = unshift(value, 31)
    z = (z * pow(0x94D049BB133111EB, -1, 1 << 64)) & MASK
    z = unshift(z, 27)
    z = (z * pow(0xBF58476D1CE4E5B9, -1, 1 << 64)) & MASK
    z = unshift(z, 30)
    return ((z - seed) * GOLDEN_INVERSE - 1) & MASK


@given(st.integers(0, MASK), st.integers(0, MASK))
def test_splitmix_is_a_bijection_of_its_counter(seed: int, index: int) -> None:
    assert unsplitmix(seed, splitmix(seed, index)) == index


@given(st.integers(0, MASK), st.sampled_from(sorted(STREAMS)), st.integers(0, STREAM_LENGTH - 20))
def test_a_seed_tells_its_stream_and_place(seed: int, stream: str, start: int) -> None:
    for place, value in enumerate(game_seeds(seed, stream, start, 3), start):
        assert divmod(unsplitmix(seed, value), STREAM_LENGTH) == (STREAMS[stream], place)


def test_a_stream_ends() -> None:
    with pytest.raises(ValueError, match="stream gate has games"):
        game_seeds(0, "gate", STREAM_LENGTH - 1, 2)
