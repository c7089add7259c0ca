"""Latents as ids, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ouroloop.policy.fusion.written import REACH, read, scaled, written

STEP = 2 * REACH / 255


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 8)), elements=st.floats(-9, 9, width=32)),
    st.integers(1, 100_000),
)
def test_what_is_read_is_what_was_written_to_half_a_step(latents, first):
    ids = written(latents, first)
    assert ids.dtype == np.int32
    assert ids.min() >= first
    back = read(ids, latents.shape[1], first)
    assert np.abs(back - np.clip(latents, -REACH, REACH)).max() <= 0.5001 * STEP
    assert np.array_equal(written(back, first), ids)


def test_numbers_that_are_none_are_written_as_zero():
    odd = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    assert np.abs(read(written(odd, 7), 4, 7)).max() <= 0.5001 * STEP


@pytest.mark.parametrize("width", [1, 2, 3, 4, 48])
def test_three_numbers_take_one_id(width):
    assert written(np.zeros((2, width), np.float32), 0).shape == (2, -(-width // 3))


def test_scaling_keeps_the_order_and_the_reach():
    found = scaled(np.array([-1000, -16, 0, 16, 1000]), 16)
    assert (np.diff(found) > 0).all()
    assert (np.abs(found) < REACH).all()
    assert found.tolist()[1:4] == [-2, 0, 2]
