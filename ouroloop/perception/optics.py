"""What a camera does to pictures, compiled: tilt, blur, colours, a thing in front of the board, and noise.

Everything random in a picture follows from its own bytes and a seed. The same board therefore always looks the same, whatever
else is in the batch. Each effect's strength is given; `scatter` draws strengths below it instead.
"""

from __future__ import annotations

import io
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ouroloop.envs.kernels import Array, allocating_kernel, inlined
from ouroloop.perception.config import MOST_BLUR, MOST_PX

BLUR_PX: Final = MOST_BLUR * MOST_PX
"""Largest blur, as the standard deviation of a Gaussian in pixels: the most that a camera can be set to."""


@inlined
def _mixed(key: np.uint64) -> np.uint64:
    """Return a well-mixed number of a key (splitmix64; Steele et al. 2014)."""
    z = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def _next(state: Array) -> float:
    """Advance a generator's state, (1,) uint64, and return a number in [0, 1)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    return np.float64(_mixed(state[0]) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


def keys_of(pixels: NDArray[np.uint8], seed: int) -> NDArray[np.uint64]:
    """Return a key per picture, which follows from its bytes and the seed: (B,) uint64."""
    flat = np.ascontiguousarray(pixels).reshape(len(pixels), math.prod(pixels.shape[1:]))
    keys = np.empty(len(flat), np.uint64)
    _hash(flat, np.uint64(seed % 2**64), keys)
    return keys


@allocating_kernel
def _hash(pixels: Array, seed: np.uint64, keys: Array) -> None:
    """Fill `keys` with FNV-1a hashes of the rows."""
    for row in range(len(pixels)):
        key = seed ^ np.uint64(0xCBF29CE484222325)
        for value in pixels[row]:
            key = (key ^ np.uint64(value)) * np.uint64(0x100000001B3)
        keys[row] = _mixed(key)


def expose(
    pixels: NDArray[np.uint8],
    keys: NDArray[np.uint64],
    *,
    rotation: float = 0.0,
    shift: float = 0.0,
    blur: float = 0.0,
    colour: float = 0.0,
    occlusion: float = 0.0,
    noise: float = 0.0,
    scatter: bool = False,
) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) uint8 as a camera sees them. A turn or shift that is not finite shows borders, no more.

    Args:
        pixels: (B, H, W, 3) uint8.
        keys: (B,) uint64, of `keys_of`.
        rotation: degrees by which a picture is turned about its middle, to either side at random.
        shift: pixels by which it is moved, in a direction at random.
        blur: standard deviation of a Gaussian, in pixels.
        colour: largest change of each channel's gain and offset, as a share of full scale.
        occlusion: share of the picture that a rectangle of one colour hides.
        noise: standard deviation of each value's noise, as a share of full scale.
        scatter: draw each strength but `colour`'s uniformly from zero to the given one, picture by picture.
    """
    strengths = np.array([math.radians(rotation), shift, min(blur, BLUR_PX), colour, occlusion, noise], np.float64)
    out = np.empty_like(pixels, order="C")
    _expose(np.ascontiguousarray(pixels), keys, strengths, scatter, out)
    return out


@allocating_kernel
def _expose(pixels: Array, keys: Array, strengths: Array, scatter: bool, out: Array) -> None:
    """Fill `out`, one picture after another."""
    height, width = pixels.shape[1], pixels.shape[2]
    state = np.empty(1, np.uint64)
    drawn = np.empty(6, np.float64)
    seen = np.empty((height, width, 3), np.float32)
    spare = np.empty((height, width, 3), np.float32)
    gain, offset = np.empty(3, np.float32), np.empty(3, np.float32)
    for row in range(len(pixels)):
        state[0] = keys[row]
        for effect in range(6):
            share = _next(state)
            drawn[effect] = strengths[effect] * (share if scatter else 1.0)
        angle = drawn[0] if _next(state) < 0.5 else -drawn[0]
        way = 2 * math.pi * _next(state)
        _turn(pixels[row], angle, drawn[1] * math.sin(way), drawn[1] * math.cos(way), seen)
        if drawn[2] > 0.05:
            _blur(seen, drawn[2], spare)
        for channel in range(3):
            gain[channel] = 1.0 + strengths[3] * (2 * _next(state) - 1)
            offset[channel] = 255.0 * strengths[3] * (2 * _next(state) - 1)
        _develop(seen, gain, offset, drawn[5] * 255.0, state, out[row])
        if drawn[4] > 0:
            _hide(out[row], drawn[4], state)


def turned(
    pixels: NDArray[np.uint8], angles: NDArray[np.float64], down: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) uint8 that are each turned about their middle and then moved, by bilinear interpolation.

    What a picture shows at place p from its middle, (y, x), then lies at R p + (down, right), R = [[cos, sin], [-sin, cos]].
    Beyond a picture's border the border goes on. Numbers that are not finite lead to it as well.

    Args:
        pixels: (B, H, W, 3) uint8.
        angles: (B,) radians.
        down: (B,) pixels.
        right: (B,) pixels.
    """
    out = np.empty_like(pixels, order="C")
    _turn_all(np.ascontiguousarray(pixels), angles, down, right, out)
    return out


@allocating_kernel
def _turn_all(pixels: Array, angles: Array, down: Array, right: Array, out: Array) -> None:
    """Fill `out`, one picture after another."""
    height, width = pixels.shape[1], pixels.shape[2]
    seen = np.empty((height, width, 3), np.float32)
    for row in range(len(pixels)):
        if angles[row] == 0 and down[row] == 0 and right[row] == 0:
            out[row] = pixels[row]
            continue
        _turn(pixels[row], angles[row], down[row], right[row], seen)
        for y in range(height):
            for x in range(width):
                for channel in range(3):
                    out[row, y, x, channel] = np.uint8(seen[y, x, channel] + np.float32(0.5))


@inlined
def _within(place: np.float32, last: np.float32) -> np.float32:
    """Return a place moved into [0, last]; 0 for NaN, which `min` and `max` would let pass."""
    if not place > np.float32(0):
        return np.float32(0)
    return last if place > last else place


@allocating_kernel
def _turn(picture: Array, angle: float, down: float, right: float, seen: Array) -> None:
    """Fill `seen` with a picture turned and moved, by bilinear interpolation; beyond its border the border goes on."""
    height, width = picture.shape[0], picture.shape[1]
    if angle == 0 and down == 0 and right == 0:
        for y in range(height):
            for x in range(width):
                for channel in range(3):
                    seen[y, x, channel] = picture[y, x, channel]
        return
    cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    middle_y, middle_x = np.float32((height - 1) / 2), np.float32((width - 1) / 2)
    last_y, last_x = np.float32(height - 1), np.float32(width - 1)
    for y in range(height):
        dy = np.float32(y) - middle_y - np.float32(down)
        for x in range(width):
            dx = np.float32(x) - middle_x - np.float32(right)
            from_y = _within(middle_y + cosine * dy - sine * dx, last_y)
            from_x = _within(middle_x + sine * dy + cosine * dx, last_x)
            top, left = int(from_y), int(from_x)
            low, far = min(top + 1, height - 1), min(left + 1, width - 1)
            v, u = from_y - np.float32(top), from_x - np.float32(left)
            for channel in range(3):
                upper = picture[top, left, channel] * (1 - u) + picture[top, far, channel] * u
                lower = picture[low, left, channel] * (1 - u) + picture[low, far, channel] * u
                seen[y, x, channel] = upper * (1 - v) + lower * v


@allocating_kernel
def _blur(seen: Array, sigma: float, spare: Array) -> None:
    """Blur a picture in place by a Gaussian, along rows and then along columns."""
    reach = math.ceil(2.5 * sigma)
    taps = np.empty(2 * reach + 1, np.float32)
    total = 0.0
    for tap in range(2 * reach + 1):
        taps[tap] = math.exp(-0.5 * ((tap - reach) / sigma) ** 2)
        total += taps[tap]
    for tap in range(2 * reach + 1):
        taps[tap] /= total
    height, width = seen.shape[0], seen.shape[1]
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                spare[y, x, channel] = 0
            for tap in range(2 * reach + 1):
                at = min(max(x + tap - reach, 0), width - 1)
                for channel in range(3):
                    spare[y, x, channel] += taps[tap] * seen[y, at, channel]
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                seen[y, x, channel] = 0
        for tap in range(2 * reach + 1):
            at = min(max(y + tap - reach, 0), height - 1)
            for x in range(width):
                for channel in range(3):
                    seen[y, x, channel] += taps[tap] * spare[at, x, channel]


@allocating_kernel
def _develop(seen: Array, gain: Array, offset: Array, noise: float, state: Array, out: Array) -> None:
    """Write a picture with its colours changed and noise added.

    Each value's noise is the sum of four 16-bit draws. The sum of four uniforms is close enough to a Gaussian here; its
    standard deviation is 65536 / sqrt(3).
    """
    unit = np.float32(noise * math.sqrt(3.0) / 65536.0)
    low = np.uint64(0xFFFF)
    for y in range(seen.shape[0]):
        for x in range(seen.shape[1]):
            for channel in range(3):
                value = seen[y, x, channel] * gain[channel] + offset[channel]
                if noise > 0:
                    state[0] += np.uint64(0x9E3779B97F4A7C15)
                    z = _mixed(state[0])
                    total = (z & low) + ((z >> np.uint64(16)) & low) + ((z >> np.uint64(32)) & low) + (z >> np.uint64(48))
                    value += (np.float32(total) - np.float32(131070.0)) * unit
                out[y, x, channel] = np.uint8(min(np.float32(255.0), max(np.float32(0.0), value)) + np.float32(0.5))


@allocating_kernel
def _hide(out: Array, share: float, state: Array) -> None:
    """Lay a rectangle of one colour over a share of a picture."""
    height, width = out.shape[0], out.shape[1]
    long = math.exp(0.7 * (2 * _next(state) - 1))
    tall = min(height, max(1, round(height * math.sqrt(share) * long)))
    wide = min(width, max(1, round(width * math.sqrt(share) / long)))
    top, left = int(_next(state) * (height - tall + 1)), int(_next(state) * (width - wide + 1))
    for channel in range(3):
        value = np.uint8(255 * _next(state))
        for y in range(top, top + tall):
            for x in range(left, left + wide):
                out[y, x, channel] = value


def compress(pixels: NDArray[np.uint8], keys: NDArray[np.uint64], quality: int, *, scatter: bool = False) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) uint8 after JPEG of a quality from 1 to 95; with `scatter`, drawn from there up to 95."""
    out = np.empty_like(pixels)
    for row, picture in enumerate(pixels):
        share = int(keys[row] >> np.uint64(40)) / 2**24 if scatter else 0.0
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=round(quality + (95 - quality) * share))
        out[row] = np.asarray(Image.open(buffer))
    return out


def resized(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) uint8 at another size: averaged where it is smaller, interpolated where it is larger."""
    if pixels.shape[1:3] == (height, width):
        return pixels
    smaller = height * width < pixels.shape[1] * pixels.shape[2]
    how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    out = np.empty((len(pixels), height, width, 3), np.uint8)
    for row, picture in enumerate(pixels):
        out[row] = np.asarray(Image.fromarray(picture).resize((width, height), how))
    return out
