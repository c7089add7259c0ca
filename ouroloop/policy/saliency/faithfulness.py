"""Does a map tell the truth? Deletion and insertion curves (RISE, Petsiuk et al. 2018), beside those of random maps.

In *deletion*, tokens are taken out of a prompt in the order of the map, the heaviest first, and the probability of the move is
followed; the sooner it falls, the better the map. In *insertion*, they are put back in that order into a prompt without them,
and the sooner it rises, the better. The area under a curve is its mean over the share of tokens taken out or put in.

Only tokens that speak of cells are moved. They are the units, since a text says no less than a token at a time: taken by
the cell, a token that speaks of five would go at the first of them or at the last, and either favours one side of the
comparison. A random map orders the very same tokens at random, so a difference is the map's alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from ouroloop.policy.bases.player import evaluation
from ouroloop.policy.saliency.prompts import Prompts, action_logits, read
from ouroloop.protocols.records import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.saliency.explaining import Saliency

RANDOM_MAPS: Final = 16
"""Random maps that each map is compared with."""
SHARES: Final = 16
"""Steps of a curve, from no token to all."""
ROWS: Final = 1024
"""Most prompts that the model reads at once."""
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How B maps fare.

    Args:
        deletion, insertion: (B,) float64 in [0, 1], areas under the curves of the map.
        random_deletion, random_insertion: (B, R) float64, those of R random maps.
    """

    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]
    random_deletion: NDArray[np.float64]
    random_insertion: NDArray[np.float64]

    @property
    def deletion_gain(self) -> Estimate:
        """How much smaller the map's area of deletion is than that of random maps, with a 95 % interval over positions."""
        return mean_interval(self.random_deletion.mean(axis=1) - self.deletion)

    @property
    def insertion_gain(self) -> Estimate:
        """How much larger the map's area of insertion is than that of random maps, with a 95 % interval over positions."""
        return mean_interval(self.insertion - self.random_insertion.mean(axis=1))


def faithfulness(prompts: Prompts, found: Saliency, seed: int, maps: int = RANDOM_MAPS) -> Faithfulness:
    """Return how a saliency of these prompts fares beside random maps.

    Args:
        prompts: B of them.
        found: their saliency.
        seed: of the random maps.
        maps: R, the number of random maps of each position.
    """
    rng = np.random.default_rng(seed)
    own = curves(prompts, found.tokens, found.actions)
    drawn = [curves(prompts, rng.random(found.tokens.shape), found.actions) for _ in range(maps)]
    random_deletion, random_insertion = (np.stack([area(pair[kind]) for pair in drawn], axis=1) for kind in (0, 1))
    return Faithfulness(area(own[0]), area(own[1]), random_deletion, random_insertion)


def curves(
    prompts: Prompts, weights: NDArray[np.floating], actions: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the moves' probabilities while tokens are taken out, and while they are put in: (B, SHARES + 1) float64 each.

    Args:
        prompts: B of them.
        weights: (B, L) one per token; the heaviest goes first.
        actions: (B,) the moves.
    """
    spoken = prompts.speaking
    ranks = np.argsort(np.argsort(np.where(spoken, -weights, np.inf), axis=1, kind="stable"), axis=1)
    counts = spoken.sum(axis=1)
    steps = np.round(np.linspace(0, 1, SHARES + 1)[:, None] * counts).astype(np.int64)  # (SHARES + 1, B)
    before = ranks[None] < steps[..., None]
    return _followed(prompts, before & spoken, actions), _followed(prompts, ~before & spoken, actions)


def area(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas under curves over [0, 1]: (B, S + 1) -> (B,), by trapezoids."""
    return np.asarray(np.trapezoid(curve, dx=1 / (curve.shape[1] - 1), axis=1))


def mean_interval(values: NDArray[np.float64]) -> Estimate:
    """Return the mean of independent values with Student's interval (1908); a single value has an interval without end."""
    from scipy.special import stdtrit

    mean, count = float(values.mean()), len(values)
    if count < 2:
        return Estimate(mean, -math.inf, math.inf)
    reach = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * float(values.std(ddof=1)) / math.sqrt(count)
    return Estimate(mean, mean - reach, mean + reach)


def _followed(prompts: Prompts, gone: NDArray[np.bool_], actions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each move's probability without some tokens: gone (S, B, L) -> (B, S) float64."""
    steps, count = gone.shape[:2]
    rows, flat = np.tile(np.arange(count), steps), gone.reshape(steps * count, -1)
    parts = []
    with evaluation(prompts.model):
        for start in range(0, len(rows), ROWS):
            part = prompts.take(rows[start : start + ROWS])
            logits = action_logits(read(part, *part.without(flat[start : start + ROWS])), part)
            parts.append(torch.softmax(logits.double(), dim=1).cpu().numpy())
    odds = np.concatenate(parts)[np.arange(len(rows)), actions[rows]]
    return np.asarray(odds.reshape(steps, count).T)
