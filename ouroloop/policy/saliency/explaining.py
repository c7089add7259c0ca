"""The saliency of moves: prompts in, weights of tokens and cells out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ouroloop.policy.bases.player import evaluation
from ouroloop.policy.saliency.methods import METHODS
from ouroloop.policy.saliency.places import to_cells
from ouroloop.policy.saliency.prompts import Prompts, action_logits, prompts_of, read
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.records import Observations


@dataclass(frozen=True, slots=True)
class Saliency:
    """What decided B moves.

    Args:
        method: one of `METHODS`.
        actions: (B,) int64, the moves.
        tokens: (B, L) float32, the weight of each token of the prompts; below 0 where it counts against the move.
        cells: (B, cells) float32, rows of sum 1: what speaks for the move, by cell. Tokens that speak of no cell, such as
            the prompt's opening, are left out of it.
    """

    method: str
    actions: NDArray[np.int64]
    tokens: NDArray[np.float32]
    cells: NDArray[np.float32]

    @property
    def heat(self) -> NDArray[np.float32]:
        """(B, cells) float32 in [0, 1]: the weights of cells, with 1 for the highest of each move."""
        return np.asarray(self.cells / self.cells.max(axis=1, keepdims=True))


def explain(
    policy: LanguagePolicy, observations: Observations, method: str, actions: NDArray[np.integer] | None = None
) -> Saliency:
    """Return what in each position decided a move.

    Args:
        policy: who moves.
        observations: B positions of its game.
        method: one of `METHODS`.
        actions: (B,) the moves to explain; by default those that the policy rates highest.

    Raises:
        UsageError: the method is unknown, or nothing says which token speaks of which cell.
    """
    return attributed(prompts_of(policy, observations), method, actions)


def attributed(prompts: Prompts, method: str, actions: NDArray[np.integer] | None = None) -> Saliency:
    """Return what in each prompt decided a move; see `explain`."""
    if method not in METHODS:
        raise UsageError(f"saliency {method!r} is not known; {did_you_mean(method, METHODS)}choose one of {', '.join(METHODS)}")
    mode = prompts.model.training
    prompts.model.eval()  # without dropout, but with gradients
    try:
        taken = best_of(prompts) if actions is None else np.asarray(actions, np.int64)
        weights = METHODS[method](prompts, torch.from_numpy(taken).to(prompts.mask.device)).cpu().numpy()
    finally:
        prompts.model.train(mode)
    return Saliency(method, taken, weights, to_cells(weights, prompts.cells, prompts.count))


def best_of(prompts: Prompts) -> NDArray[np.int64]:
    """Return the actions that are rated highest after the prompts: (B,) int64."""
    with evaluation(prompts.model):
        logits = action_logits(read(prompts, prompts.embeddings, prompts.mask), prompts)
    best: NDArray[np.int64] = logits.argmax(dim=1).cpu().numpy()
    return best


def salience_of(policy: LanguagePolicy, method: str) -> Callable[[Observations], NDArray[np.float32]]:
    """Return a policy's saliency as a function of positions, to (B, cells) float32: a source of a visual reward.

    A reward must not chase the policy that it trains, so give a policy that stays as it is.
    """

    def salience(observations: Observations) -> NDArray[np.float32]:
        return explain(policy, observations, method).cells

    return salience
