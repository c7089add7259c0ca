"""Seeds by counter: disjoint streams of game seeds, derived from one seed (SplitMix64, Steele et al. 2014).

The k-th game of a stream gets `splitmix(seed, STREAMS[stream] * 2**40 + k)`. SplitMix64 is a bijection of its counter,
so no two games of a run share a seed, even across streams. A run's seed is not the recipe's: `runs.seeds.stream_seed` makes
it from that seed and the run's start.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MASK = (1 << 64) - 1
STREAMS = {"search": 0, "gate": 1, "watch": 2, "train": 3, "bank": 4, "attribution": 5, "eval": 6}
STREAM_LENGTH = 1 << 40


def splitmix(seed: int, index: int) -> int:
    """Return element `index` of the SplitMix64 sequence of `seed`, an unsigned 64-bit integer."""
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def splitmixes(seed: int, indices: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return `splitmix(seed, i)` for many i >= 0 at once: (N,) uint64."""
    z = np.uint64(seed & MASK) + (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def game_seeds(run_seed: int, stream: str, start: int, count: int) -> list[int]:
    """Return the seeds of games `start .. start + count - 1` of a stream.

    Raises:
        KeyError: the stream does not exist.
        ValueError: the stream does not have these games.
    """
    if not 0 <= start <= start + count <= STREAM_LENGTH:
        raise ValueError(f"stream {stream} has games 0..{STREAM_LENGTH - 1}, asked for {start}..{start + count - 1}")
    first = STREAMS[stream] * STREAM_LENGTH + start
    return [splitmix(run_seed, first + i) for i in range(count)]


def derived_seed(run_seed: int, *path: str | int) -> int:
    """Return a 31-bit seed for a part's own generator, e.g. `derived_seed(7, "propose", round, role)`."""
    text = "\x1f".join([str(run_seed), *map(str, path)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little") >> 1
