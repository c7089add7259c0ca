"""The source of GRPO's answers: any language policy that gives next-token logits, and a frozen copy of one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch

from ouroloop.policy.bases.player import plain_model, player_of
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.snake_gpt import SnakeGPT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.records import Observations


class Sampler(Protocol):
    """A language policy that answers; `player_of` returns one."""

    @property
    def policy(self) -> LanguagePolicy:
        """The policy that gives the answers."""
        ...

    def refresh(self) -> None:
        """Copy the model's current weights."""
        ...

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the action logits: (B, A) float32."""
        ...

    def token_logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the next-token logits after the prompt: (B, V) float32."""
        ...


class FrozenSampler:
    """A policy frozen at the moment of creation, however its model changes; only the trained weights are stored twice.

    Args:
        policy: the policy in its current state.
    """

    def __init__(self, policy: LanguagePolicy) -> None:
        """Copy the trained weights."""
        self.policy: LanguagePolicy = policy
        self._player: Sampler = player_of(policy)
        self._kept = trained_weights(policy.model)

    def refresh(self) -> None:
        """Do nothing: it stays frozen."""

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the action logits: (B, A) float32."""
        with self._as_it_was():
            return self._player.logits(observations)

    def token_logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the next-token logits after the prompt: (B, V) float32."""
        with self._as_it_was():
            return self._player.token_logits(observations)

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        present = trained_weights(self.policy.model)
        put_weights(self.policy.model, self._kept)
        try:
            yield
        finally:
            put_weights(self.policy.model, present)


def frozen(policy: LanguagePolicy) -> Sampler:
    """Return a frozen copy of a policy; a `LocalPolicy` copies all weights anyway."""
    return LocalPolicy(policy) if isinstance(policy, SnakeGPT) else FrozenSampler(policy)


def next_logits(model: Any, ids: Tensor, mask: Tensor) -> Tensor:
    """Return a model's logits after each prompt, with their gradient: (B, V) float32.

    Args:
        model: a causal model of `transformers`, or of `peft` around one.
        ids: (B, L) int64, padded on the left.
        mask: (B, L) int64, 1 for tokens, 0 for padding.
    """
    takes = inspect.signature(plain_model(model).forward).parameters
    # Models with absolute positions would count padding as text; the answer follows the prompt's last token.
    more = {"position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0)} if "position_ids" in takes else {}
    logits: Tensor = model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False, **more).logits[:, -1].float()
    return logits


def trained_weights(model: Any) -> dict[str, Tensor]:
    """Return copies of the weights that a training changes, by name."""
    return {name: weight.detach().clone() for name, weight in model.named_parameters() if weight.requires_grad}


def put_weights(model: Any, kept: dict[str, Tensor]) -> None:
    """Restore weights from `trained_weights`."""
    present = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in kept.items():
            present[name].copy_(weight)
