"""The part of a small model's forward pass between its matrix products, compiled: norms and attention over packed prompts.

Packed prompts follow one another without padding, T tokens in all; `offsets` says where each begins. Between the products,
torch would need some twenty calls per layer, each of which costs a small model as much as a product does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from ouroloop.envs.kernels import Array, compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")

MATHS: Final = {"reassoc", "contract", "nsz", "arcp"}
"""Sums may be taken in any order, so that they can be vectorised; the order is fixed when the kernel is compiled."""


@inlined
def rotate(source: Array, cosine: Array, sine: Array, heads: int, out: Array) -> None:
    """Apply rotary position embedding (Su et al. 2021) to one token's queries or keys.

    Args:
        source: (A,) float32, the heads side by side.
        cosine: (A / heads / 2,) float32, of the token's position.
        sine: likewise.
        heads: attention heads.
        out: (A,) float32.
    """
    half = cosine.size
    for head in range(heads):
        low, high = 2 * half * head, 2 * half * head + half
        for c in range(half):
            out[low + c] = source[low + c] * cosine[c] - source[high + c] * sine[c]
            out[high + c] = source[high + c] * cosine[c] + source[low + c] * sine[c]


def summing(function: Function) -> Function:
    """Compile with numba, cached on disk and without the interpreter lock, with vectorised sums."""
    return compiled(function, fastmath=MATHS)


@summing
def normalise(x: Array, eps: float, out: Array) -> None:
    """Fill `out` with RMS-normalised rows, without a gain (Zhang and Sennrich 2019): x and out (T, D) float32."""
    width = x.shape[1]
    for row in range(x.shape[0]):
        total = np.float32(0)
        for c in range(width):
            total += x[row, c] * x[row, c]
        scale = np.float32(1 / math.sqrt(total / width + eps))
        for c in range(width):
            out[row, c] = x[row, c] * scale


@summing
def mix(
    queries: Array, keys: Array, values: Array, rows: Array, first: int, begin: int, end: int, scores: Array, out: Array
) -> None:
    """Fill `out` with one head's output in one prompt: the softmax of its scores, times the values.

    Args:
        queries: (n, d) float32, rotated and scaled; only those of tokens begin..end - 1 are used.
        keys: (n, d) float32, rotated.
        values: (R, d) float32.
        rows: (T,), the place in `values` of each token's value.
        first: where the prompt begins in `rows`.
        begin: see `queries`.
        end: see `queries`.
        scores: (n,) float32, overwritten.
        out: (end - begin, d) float32.
    """
    width = out.shape[1]
    for token in range(begin, end):
        highest, total, at = np.float32(-np.inf), np.float32(0), token - begin
        for j in range(token + 1):
            score = np.float32(0)
            for c in range(width):
                score += queries[token, c] * keys[j, c]
            scores[j] = score
            highest = max(highest, score)
        for c in range(width):
            out[at, c] = 0
        for j in range(token + 1):
            weight, row = np.float32(math.exp(scores[j] - highest)), rows[first + j]
            total += weight
            for c in range(width):
                out[at, c] += weight * values[row, c]
        for c in range(width):
            out[at, c] /= total


@summing
def attend(
    queries: Array,
    asked: Array,
    pairs: Array,
    rows: Array,
    offsets: Array,
    cosine: Array,
    sine: Array,
    heads: int,
    out: Array,
) -> None:
    """Fill `out` with causal attention within each of B packed prompts.

    Args:
        queries: (Q, A) float32, the heads side by side.
        asked: (S,), the places in `queries` of the wanted ones: S = T, one per token, or S = B, one per prompt, its last.
        pairs: (R, 2 A) float32, keys and values.
        rows: (T,), the place in `pairs` of each token's pair.
        offsets: (B + 1,), where the prompts begin in `rows`, and T.
        cosine: (L, d / 2) float32, the rotary table.
        sine: likewise.
        heads: attention heads, of width d = A / heads.
        out: (S, A) float32.
    """
    width, longest = out.shape[1], 0
    for prompt in range(offsets.size - 1):
        longest = max(longest, offsets[prompt + 1] - offsets[prompt])
    d, every, scores = width // heads, asked.size == rows.size, np.empty(longest, np.float32)
    keys, turned = np.empty((longest, width), np.float32), np.empty((longest, width), np.float32)
    for prompt in range(offsets.size - 1):
        first, end = offsets[prompt], offsets[prompt + 1] - offsets[prompt]
        begin, at = (0, first) if every else (end - 1, prompt)
        for j in range(end):
            rotate(pairs[rows[first + j]], cosine[j], sine[j], heads, keys[j])
        for j in range(begin, end):
            rotate(queries[asked[at + j - begin]], cosine[j], sine[j], heads, turned[j])
            for c in range(width):
                turned[j, c] /= np.float32(math.sqrt(d))
        for low in range(0, width, d):
            side, values = slice(low, low + d), pairs[:, width + low : width + low + d]
            seen = out[at : at + end - begin, side]
            mix(turned[:, side], keys[:, side], values, rows, first, begin, end, scores, seen)
