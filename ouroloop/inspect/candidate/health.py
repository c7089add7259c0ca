"""What the figures of a training mean, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

MEANINGS: Final = {
    "return_env": "mean discounted return of the game's own reward",
    "return_spec": "mean discounted return of the designed reward, weighted by gamma_r",
    "gain": "mean return of the last quarter of the steps less that of the first",
    "score_start": "mean score in held-out games before the training",
    "score": "mean score in held-out games after it",
    "proxy_start": "mean return of the designed reward in those games before the training",
    "proxy": "the same after it; if it rises while the score falls, the reward is gamed",
    "kl": "distance in nats from the policy with which the training began",
    "kl_old": "distance in nats from the policy that sampled the batch",
    "entropy": "nats per answer; near 0 the policy no longer explores",
    "diversity": "share of sampled groups with different answers",
    "zero_variance": "share of groups whose answers are all worth the same: they teach nothing",
    "dropped": "share of groups left out of the loss",
    "clip_fraction": "share of answers whose probability ratio was clipped",
    "clip_low": "the same at the lower bound, in steps that reuse a batch",
    "clip_high": "the same at the upper bound, in steps that reuse a batch",
    "sampler_gap": "largest difference of log-probabilities between sampler and trainer",
    "grad_norm": "norm of the gradient before clipping",
    "pieces": "pieces into which a batch was split to fit into memory",
    "accuracy": "share of positions in which the policy's best move is the teacher's",
    "exact": "share of boards read without an error",
}
TERM: Final = "term "
"""A health figure with this prefix is the mean return of one term of the reward, by its name."""


def explained(health: Mapping[str, float]) -> Iterator[tuple[str, float, str]]:
    """Yield the figures with their meanings: those with a known meaning first, in the order above, then the others."""
    known = [name for name in MEANINGS if name in health]
    for name in [*known, *sorted(health.keys() - MEANINGS.keys())]:
        yield name, health[name], MEANINGS.get(name, "mean return of this term" if name.startswith(TERM) else "")
