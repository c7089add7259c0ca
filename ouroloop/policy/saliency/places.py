"""Which token of a prompt speaks of which cell, and how the weights of tokens become weights of cells.

A Snake-GPT's tokens are the pieces of its encoding, so the encoding says it. Another tokenizer cuts the same text elsewhere;
its tokens speak of what the pieces that they overlap speak of. A grid of latents covers the board in blocks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroloop.policy.bases.base import Base
from ouroloop.protocols.encoding import Located
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.records import Observations


@dataclass(frozen=True, slots=True)
class Places:
    """The cells that the tokens of B prompts speak of: (B, L, K) int32, filled up with -1; and the cells of a position."""

    cells: NDArray[np.int32]
    count: int


def places_of(policy: LanguagePolicy | Located, observations: Observations) -> Places:
    """Return which cells the tokens of a policy's prompts speak of. A policy that is itself `Located` says so itself.

    Raises:
        UsageError: neither the policy nor its encoding can say it.
    """
    if isinstance(policy, Located):
        return Places(policy.cells_of(observations), policy.cells)
    encoding = policy.encoding
    if not isinstance(encoding, Located):
        raise UsageError(
            f"the encoding {encoding.name!r} of the game {policy.task} does not say which token speaks of which cell, so there "
            "is no saliency to draw: give it `cells` and `cells_of` (protocols/encoding.py)"
        )
    cells = _of_text(policy, encoding, observations) if isinstance(policy, Base) else encoding.cells_of(observations)
    return Places(cells, encoding.cells)


def _of_text(policy: Base, encoding: Located, observations: Observations) -> NDArray[np.int32]:
    """Return the cells of each token of a base's prompts: (B, L, K) int32, flush right as `Base.encode` has them."""
    own = encoding.cells_of(observations)
    _, mask = policy.encoding.encode_batch(observations)
    found = policy.tokenizer(policy.texts(observations), add_special_tokens=False, return_offsets_mapping=True)
    rows = []
    for plain, said, cells, kept, spans in zip(
        policy.encoding.texts(observations), policy.texts(observations), own, mask, found["offset_mapping"], strict=True
    ):
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(plain, said, strict=False)))  # before a hint
        pieces = [match.span() for match in re.finditer(policy.encoding.pieces, plain)]
        rows.append([*[()] * len(policy.words.opening), *_overlapping(spans, pieces, cells[kept].tolist(), shared)])
    return flush_right(rows)


def _overlapping(
    spans: Sequence[tuple[int, int]], pieces: Sequence[tuple[int, int]], cells: Sequence[Sequence[int]], end: int
) -> list[tuple[int, ...]]:
    """Return the cells of each span of text: those of all pieces that it overlaps before `end`."""
    found = []
    for low, high in spans:
        over = [c for (start, stop), c in zip(pieces, cells, strict=True) if low < min(stop, end) and start < min(high, end)]
        found.append(tuple(dict.fromkeys(cell for cell in chain.from_iterable(over) if cell >= 0)))
    return found


def flush_right(rows: Sequence[Sequence[Sequence[int]]]) -> NDArray[np.int32]:
    """Return the cells of each token of each prompt as an array: (B, L, K) int32, padded on the left, filled up with -1."""
    longest = max(map(len, rows), default=0)
    most = max((len(cells) for row in rows for cells in row), default=0)
    out = np.full((len(rows), longest, max(1, most)), -1, np.int32)
    for index, row in enumerate(rows):
        for place, cells in enumerate(row, longest - len(row)):
            out[index, place, : len(cells)] = cells
    return out


def grid_cells(rows: int, columns: int, side: int) -> NDArray[np.int32]:
    """Return the cells that each place of a grid of latents covers, for a picture of `side` x `side` cells.

    A place covers the cells whose middles lie in it. A grid finer than the cells has several places within a cell; each then
    speaks of the cell that its own middle lies in.

    Returns:
        (rows * columns, K) int32, filled up with -1; place by place in the order of reading.
    """

    def bands(count: int) -> list[NDArray[np.int64]]:
        inside = (2 * np.arange(side) + 1) * count // (2 * side)  # the place that each cell's middle lies in
        nearest = (2 * np.arange(count) + 1) * side // (2 * count)  # the cell that each place's middle lies in
        return [own if len(own := np.flatnonzero(inside == place)) else nearest[place : place + 1] for place in range(count)]

    across = bands(columns)
    places = [(down[:, None] * side + right).ravel().tolist() for down in bands(rows) for right in across]
    return np.asarray(flush_right([places])[0])


def to_cells(weights: NDArray[np.floating[Any]], cells: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """Return the weights of cells: (B, count) float32, each row of sum 1.

    Each token divides its weight evenly among its cells. What counts against the move, a weight below 0, is left out. A prompt
    in which no token with a weight speaks of a cell gives an even map.

    Args:
        weights: (B, L) one per token.
        cells: (B, L, K) int32, filled up with -1.
        count: cells of a position.
    """
    named = cells >= 0
    each = np.maximum(weights, 0.0)[..., None] * named / np.maximum(1, named.sum(axis=2, keepdims=True))
    rows = np.broadcast_to(np.arange(len(cells))[:, None, None], cells.shape)
    out = np.zeros((len(cells), count))
    np.add.at(out, (rows[named], cells[named]), each[named])
    total = out.sum(axis=1, keepdims=True)
    even = np.full_like(out, 1.0 / max(1, count))
    return np.where(total > 0, out / np.where(total > 0, total, 1.0), even).astype(np.float32)
