"""Any language policy as `ports.Policy` in this process.

A batch is one forward pass over prompts sorted by length. Only the logits of the actions are computed: the model's own forward
pass runs with just the actions' rows of its output layer, in float32. This keeps whatever the model does to its logits (Gemma 2
caps them, Cohere scales them), and keeps actions apart that bfloat16 would round to equal values.

The prompts' common opening is computed anew for each. It has 12 of some 200 tokens on a board of 10, and copying its keys and
values to every row took 5 % longer than computing them (8 layers of 896, bfloat16, one core).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn import functional

from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.records import Observations

log = logging.getLogger(__name__)
NO_MEMORY: Final = ("out of memory", "can't allocate memory", "not enough memory", "could not create a primitive")
"""Words in torch's errors when memory runs out; the last ones are oneDNN's."""
BATCH_TOKENS: Final = 16_384
"""Tokens per batch, including padding."""


class HfPolicy:
    """A language policy in this process; later changes of its weights take effect at once.

    Args:
        policy: the policy that plays.
        batch_tokens: tokens per batch; if memory runs out, they are halved, as often as necessary.
        told: called with one sentence the first time that happens.
    """

    def __init__(
        self, policy: LanguagePolicy, *, batch_tokens: int = BATCH_TOKENS, told: Callable[[str], None] = log.warning
    ) -> None:
        """Keep the policy."""
        self.policy, self.batch_tokens = policy, batch_tokens
        self._told: Callable[[str], None] | None = told

    def refresh(self) -> None:
        """Do nothing: every call uses the model itself."""

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the action logits: (B, A) float32.

        Raises:
            SurroundingsError: memory does not suffice even for one prompt.
        """
        actions = list(self.policy.actions)
        with few_rows(self.policy.model, actions) as few:
            found = self._forward(observations)
        return found if few or not len(found) else found[:, actions]

    def token_logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the next-token logits after the prompt: (B, V) float32. It raises the same errors as `logits`."""
        return self._forward(observations)

    def _forward(self, observations: Observations) -> NDArray[np.float32]:
        """Return the output of the model's last layer after each prompt: (B, its rows) float32."""
        if not len(observations):
            return np.zeros((0, len(self.policy.actions)), dtype=np.float32)
        ids, mask = self.policy.encode(observations)
        widths = mask.sum(axis=1)
        order = np.argsort(widths, kind="stable")
        parts, done, before = list[torch.Tensor](), 0, self.batch_tokens
        with evaluation(self.policy.model):
            while done < len(order):
                rows = order[done : done + self._fitting(widths[order[done:]])]
                part = self._batch(ids[rows], mask[rows])
                if part is not None:
                    parts.append(part)
                    done += len(rows)
        if self.batch_tokens < before and self._told is not None:
            self._told(f"out of memory with batches of {before} tokens: goes on with {self.batch_tokens}, more slowly")
            self._told = None
        found: NDArray[np.float32] = torch.cat(parts).numpy()[np.argsort(order)]
        return found

    def _fitting(self, widths: NDArray[np.int64]) -> int:
        """Return how many of the next prompts, in ascending order of width, make a batch."""
        fits = widths * np.arange(1, len(widths) + 1) <= self.batch_tokens
        return max(1, int(fits.sum()))

    def _batch(self, ids: NDArray[np.int32], mask: NDArray[np.bool_]) -> torch.Tensor | None:
        """Return the logits of a batch; or None if memory ran out, in which case later batches are smaller."""
        width = int(mask.sum(axis=1).max())
        try:
            return after_prompts(self.policy.model, ids[:, -width:], mask[:, -width:])
        except (MemoryError, RuntimeError) as error:  # torch's own OutOfMemoryError is a RuntimeError
            if not out_of_memory(error):
                raise
            if len(ids) == 1:
                raise SurroundingsError(
                    f"out of memory with one prompt of {width} tokens: quantise the policy, or take a smaller one"
                ) from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.batch_tokens = max(width, len(ids) * width // 2)
        return None


def player_of(policy: LanguagePolicy, **options: Any) -> Any:
    """Return a player of a policy in this process: `LocalPolicy` for a Snake-GPT on the CPU, `HfPolicy` for all others.

    Both have `logits`, `token_logits`, `refresh` and `policy`.
    """
    from ouroloop.policy.fusion.seeing import Seeing
    from ouroloop.policy.serving.local import LocalPolicy
    from ouroloop.policy.snake_gpt import SnakeGPT

    if isinstance(policy, SnakeGPT) and policy.model.device.type == "cpu":
        return LocalPolicy(policy)
    if isinstance(policy, Seeing):  # its prompts have several ids for each token that the model computes
        options = {"batch_tokens": BATCH_TOKENS * policy.layout.prompt // policy.prompt_tokens, **options}
    return HfPolicy(policy, **options)


def after_prompts(model: Any, ids: NDArray[np.int32], mask: NDArray[np.bool_]) -> torch.Tensor:
    """Return a model's logits after each prompt: (B, rows of its output layer) float32, on the CPU.

    Args:
        model: a causal model of `transformers`, or of `peft` around one.
        ids: (B, L), padded on the left.
        mask: (B, L), true for tokens, false for padding.
    """
    causal = plain_model(model)
    takes = inspect.signature(causal.forward).parameters
    seen = torch.from_numpy(mask).long().to(model.device)
    inputs = {"input_ids": torch.from_numpy(ids).long().to(model.device), "attention_mask": seen, "use_cache": False}
    if "position_ids" in takes:  # models with absolute positions would count padding as text
        inputs["position_ids"] = (seen.cumsum(dim=1) - 1).clamp(min=0)
    if "logits_to_keep" in takes:
        inputs["logits_to_keep"] = 1
    logits: torch.Tensor = model(**inputs).logits[:, -1].float().cpu()
    return logits


def plain_model(model: Any) -> Any:
    """Return the `transformers` model within a `peft` one."""
    return model.get_base_model() if hasattr(model, "peft_config") and hasattr(model, "get_base_model") else model


class Rows(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Some rows of an output layer, as a layer that computes in float32."""

    def __init__(self, head: torch.nn.Linear, rows: list[int]) -> None:
        """Copy the current weights of the rows."""
        super().__init__()
        self.weight = head.weight[rows].float()
        self.bias = None if head.bias is None else head.bias[rows].float()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the logits of the rows: (..., D) to (..., rows) float32."""
        return functional.linear(states.float(), self.weight, self.bias)


@contextmanager
def few_rows(model: Any, rows: list[int]) -> Iterator[bool]:
    """Make a model compute the logits of some tokens only; yields whether it does.

    An output layer that is more than a matrix (adapted, quantised) stays as it is.
    """
    causal = plain_model(model)
    head = causal.get_output_embeddings()
    if type(head) is not torch.nn.Linear or not head.weight.is_floating_point():
        yield False
        return
    with torch.no_grad():
        few = Rows(head, rows)
    causal.set_output_embeddings(few)
    try:
        yield True
    finally:
        causal.set_output_embeddings(head)


@contextmanager
def evaluation(model: Any) -> Iterator[None]:
    """Switch off dropout and gradients within the block, then restore the model's mode."""
    training = model.training
    if training:
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if training:
            model.train()


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(words in text for words in NO_MEMORY)
