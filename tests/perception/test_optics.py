"""The optics: each effect does what its number says, the same for a picture whatever else is in the batch."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from ouroloop.perception.config import MOST_BLUR, MOST_PX
from ouroloop.perception.optics import BLUR_PX, compress, expose, keys_of, resized, turned

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (6, 24, 24, 3)).astype(np.uint8)
GREY = np.full((4, 40, 40, 3), 120, np.uint8)
EVERYTHING = {"rotation": 4.0, "shift": 2.0, "blur": 1.0, "colour": 0.2, "occlusion": 0.1, "noise": 0.1}


def slowly_turned(picture, angle, down, right):
    """Return a picture (H, W, 3) turned about its middle and moved, as `turned` says it, in float64."""
    last = np.array(picture.shape[:2]) - 1
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    out = np.empty(picture.shape)
    for y, x in np.ndindex(*picture.shape[:2]):
        place = np.clip(last / 2 + turn @ (np.array([y, x]) - last / 2 - (down, right)), 0, last)
        low = np.floor(place).astype(int)
        high, (v, u) = np.minimum(low + 1, last), place - low
        rows = (picture[low[0]].astype(float), picture[high[0]].astype(float))
        upper, lower = (row[low[1]] * (1 - u) + row[high[1]] * u for row in rows)
        out[y, x] = upper * (1 - v) + lower * v
    return out


def test_a_turn_and_a_shift_are_those_of_the_definition():
    angles, down, right = np.radians([7.0, -30.0, 0.0, 3.0, 0.0, 180.0]), RNG.normal(size=6) * 3, RNG.normal(size=6) * 3
    down[4] = right[4] = 0.0
    found = turned(NOISE, angles, down, right)
    for row in range(6):
        expected = slowly_turned(NOISE[row], angles[row], down[row], right[row])
        assert np.abs(found[row] - expected).max() < 0.6
    assert (found[4] == NOISE[4]).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_no_number_leads_out_of_a_picture(odd):
    """What a stranger's reader makes of a picture may be any number. Only values of the picture itself may be shown."""
    pictures = np.concatenate([NOISE[:4] // 4 + 50, np.full((1, 24, 24, 3), 50, np.uint8)])
    odds, none = np.array([odd, 0.0, 0.0, odd, odd]), np.zeros(5)
    found = turned(pictures, odds, np.array([0.0, odd, 0.0, odd, 1.0]), np.array([0.0, 0.0, odd, odd, 1.0]))
    assert found.min() >= 50
    assert found.max() < 50 + 64
    assert (found[4] == 50).all()
    exposed = expose(pictures, keys_of(pictures, 0), rotation=odd, shift=odd, blur=abs(odd) if odd < 1e300 else 0.0)
    assert exposed.shape == pictures.shape
    assert (turned(pictures, none, none, none) == pictures).all()


def test_exposed_turns_and_shifts_have_the_strength_that_is_given():
    """A dot shows where each picture went."""
    dots = np.zeros((40, 41, 41, 3), np.uint8)
    dots[:, 20, 20] = 255
    dots[:, 0, 0, 0] = np.arange(40)  # all pictures differ, so their draws do
    moved = expose(dots, keys_of(dots, 1), shift=6.0)[..., 1].astype(float)
    places = np.stack([(moved.sum(2) @ np.arange(41)) / moved.sum((1, 2)), (moved.sum(1) @ np.arange(41)) / moved.sum((1, 2))])
    np.testing.assert_allclose(np.hypot(*(places - 20)), 6.0, atol=0.1)
    assert np.ptp(np.arctan2(*(places - 20))) > 4
    dots[:, 20, 36] = 255
    tilted = expose(dots, keys_of(dots, 1), rotation=10.0)[..., 1].astype(float)
    tilted[:, 18:23, 18:23] = 0
    heights = (tilted.sum(2) @ np.arange(41)) / tilted.sum((1, 2)) - 20
    np.testing.assert_allclose(np.abs(heights), 16 * math.sin(math.radians(10)), atol=0.15)
    assert {-1, 1} == set(np.sign(heights))


def test_a_blur_is_a_gaussian_of_its_deviation_and_keeps_the_light():
    dots = np.zeros((1, 41, 41, 3), np.uint8)
    dots[:, 18:23, 18:23] = 255
    for sigma in (1.0, 3.0, 5.0):
        seen = expose(dots, keys_of(dots, 0), blur=sigma)[0, :, :, 0].astype(float)
        spread = np.sqrt((seen.sum(1) @ np.square(np.arange(41) - 20.0)) / seen.sum())
        assert spread == pytest.approx(math.hypot(sigma, math.sqrt(2)), rel=0.06)
        assert seen.sum() == pytest.approx(25 * 255, rel=0.05)
    assert (expose(dots, keys_of(dots, 0)) == dots).all()


def test_no_blur_that_a_camera_can_be_set_to_is_cut():
    assert BLUR_PX == MOST_BLUR * MOST_PX
    edge = np.zeros((1, 8, 400, 3), np.uint8)
    edge[:, :, 200:] = 200
    seen = expose(edge, keys_of(edge, 0), blur=20.0)[0, 4, :, 0].astype(float)
    slope = np.gradient(seen)[199:201].mean()
    assert slope == pytest.approx(200 / (20.0 * math.sqrt(2 * math.pi)), rel=0.05)


def test_colours_change_by_gain_and_offset_within_their_limit():
    ramp = np.stack([np.broadcast_to(np.arange(60, 160, dtype=np.uint8)[:, None], (8, 100, 3))] * 12)
    ramp[:, 0, 0, 0] = np.arange(12)
    seen = expose(ramp, keys_of(ramp, 3), colour=0.1)[:, 1:].astype(float)
    x = ramp[0, 1, :, 0].astype(float)
    fits = [np.polyfit(x, seen[row, 0, :, channel], 1) for row in range(12) for channel in range(3)]
    gains, offsets = np.array(fits).T
    assert np.abs(gains - 1).max() <= 0.1 + 0.01
    assert np.abs(offsets).max() <= 25.5 + 1
    assert np.ptp(gains) > 0.1
    assert np.ptp(offsets) > 25


def test_noise_has_its_deviation_and_no_bias():
    seen = expose(GREY, keys_of(GREY, 0), noise=0.1).astype(float) - GREY
    assert abs(seen.mean()) < 0.5
    assert seen.std() == pytest.approx(25.5, rel=0.03)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_a_rectangle_of_one_colour_hides_the_share_that_is_given(share):
    pictures = np.full((60, 50, 50, 3), 120, np.uint8)
    pictures[:, 0, 0, 0] = np.arange(60)
    seen = expose(pictures, keys_of(pictures, 2), occlusion=share)
    changed = (seen != pictures).any(3)
    assert changed.mean() == pytest.approx(share, rel=0.15)
    for row in range(60):
        rows, columns = np.nonzero(changed[row])
        box = seen[row, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (box == box[0, 0]).all()
    assert len({tuple(np.argwhere(one)[0]) for one in changed}) > 20


def test_scattered_strengths_lie_below_the_given_one():
    pictures = np.full((200, 20, 20, 3), 120, np.uint8)
    pictures[:, 0, 0, 0] = np.arange(200)
    deviations = expose(pictures, keys_of(pictures, 0), noise=0.1, scatter=True)[:, 1:].std((1, 2, 3))
    assert deviations.max() < 27.5
    assert deviations.min() < 3
    assert deviations.mean() == pytest.approx(12.75, rel=0.15)


def test_a_picture_is_the_same_whatever_else_is_in_the_batch():
    keys = keys_of(NOISE, 5)
    assert len(set(keys.tolist())) == 6
    together = expose(NOISE, keys, **EVERYTHING, scatter=True)
    jpeg = compress(NOISE, keys, 40, scatter=True)
    for row in range(6):
        alone = NOISE[row : row + 1]
        assert keys_of(alone, 5) == keys[row]
        assert (expose(alone, keys_of(alone, 5), **EVERYTHING, scatter=True)[0] == together[row]).all()
        assert (compress(alone, keys_of(alone, 5), 40, scatter=True)[0] == jpeg[row]).all()
    assert (keys_of(NOISE, 6) != keys).all()


def test_jpeg_is_that_of_its_quality_and_scattered_qualities_lie_between_it_and_95():
    def stored(picture, quality):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    keys = keys_of(NOISE, 0)
    assert (compress(NOISE, keys, 30) == np.stack([stored(picture, 30) for picture in NOISE])).all()
    found = []
    for picture, seen in zip(NOISE, compress(NOISE, keys, 60, scatter=True), strict=True):
        alike = [quality for quality in range(1, 101) if (stored(picture, quality) == seen).all()]
        found.append(alike)
    assert all(set(range(60, 96)) & set(alike) for alike in found)
    assert len({tuple(alike) for alike in found}) > 2


def test_a_smaller_picture_is_a_mean_and_a_picture_of_the_size_is_itself():
    half = resized(NOISE, 12, 12)
    means = NOISE.reshape(6, 12, 2, 12, 2, 3).mean((2, 4))
    assert np.abs(half - means).max() <= 1
    assert resized(NOISE, 24, 24) is NOISE
    assert resized(NOISE, 48, 48).shape == (6, 48, 48, 3)
    assert expose(NOISE[:0], keys_of(NOISE[:0], 0), **EVERYTHING).shape == (0, 24, 24, 3)
