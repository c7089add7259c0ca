"""Three ways to say what in a prompt decided a move.

| method | what a token's weight is | signed |
|---|---|---|
| `rollout` | attention, followed back through all layers (Abnar and Zuidema 2020); the same for every move | no |
| `gradcam` | what the first layer reads, times the gradient of the move's log-odds (Selvaraju et al. 2017, adapted) | yes |
| `ig` | share in the log-odds beyond those of a neutral prompt (Sundararajan et al. 2017), by captum | yes |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import torch

from ouroloop.policy.bases.player import plain_model
from ouroloop.policy.saliency.prompts import Prompts, action_logits, log_odds, read, run
from ouroloop.protocols.errors import UsageError

Attribute: TypeAlias = Callable[[Prompts, Any], Any]
"""Maps prompts and the chosen actions, (B,) int64, to a weight per token: (B, L) float32 tensor."""
STEPS: Final = 32
"""Points at which integrated gradients are evaluated between a neutral prompt and the real one."""
ROWS: Final = 512
"""Most prompts in one batch of them."""
KIND: Final = "Attention"
"""How the names of such layers end in `transformers`."""


@contextmanager
def eager(model: Any) -> Iterator[None]:
    """Make a model compute attention in the way that keeps its weights; it goes back to its own way afterwards."""
    causal = plain_model(model)
    before = causal.config._attn_implementation
    causal.set_attn_implementation("eager")
    try:
        yield
    finally:
        causal.set_attn_implementation(before)


def rollout(prompts: Prompts, chosen: Any) -> Any:
    """Return how much of the last token each token is, if every layer mixes as its attention does: (B, L), rows of sum 1.

    Each layer passes on half of a token as it is (the residual connection), and half through its attention, averaged
    over heads.
    """
    with eager(prompts.model), torch.no_grad():
        layers = read(prompts, prompts.embeddings, prompts.mask, output_attentions=True).attentions
    place = torch.eye(prompts.mask.shape[1], device=prompts.mask.device)
    flow = place[-1].expand(len(prompts.mask), 1, -1)
    for attention in reversed(layers):  # the last row of the product of all layers, which is all that is asked for
        mixed = 0.5 * attention.float().mean(dim=1) + 0.5 * place
        flow = flow @ (mixed / mixed.sum(dim=2, keepdim=True))
    return flow[:, 0] * prompts.mask


def gradcam(prompts: Prompts, chosen: Any, layer: int = 0) -> Any:
    """Return the product of state and gradient of the move's log-odds, where a layer's attention reads: (B, L), signed.

    It differs from Grad-CAM on pictures in three ways, each of which made maps of Snake-GPT truer (`docs/saliency.md`):

    - Gradients are not averaged over places first (HiResCAM, Draelos and Carin 2020). A picture's channel means the same at all
      places; in a prompt, other kinds of tokens stand at other places.
    - States are taken behind the layer's norm. In front of it, a token's scale changes nothing, so the product is 0.
    - The layer is the first. A deeper one reads tokens that have already told each other what they know.

    The cut at 0 that Grad-CAM makes is left to `places.to_cells`.

    Args:
        prompts: B of them.
        chosen: (B,) int64.
        layer: whose attention.
    """
    embeddings = prompts.embeddings.clone().requires_grad_()
    with torch.enable_grad(), attention_inputs(prompts.model, layer) as seen:
        odds = log_odds(action_logits(read(prompts, embeddings, prompts.mask), prompts), chosen)
        (slope,) = torch.autograd.grad(odds.sum(), seen[0])
    return (seen[0].detach().float() * slope.float()).sum(dim=2) * prompts.mask


@contextmanager
def attention_inputs(model: Any, layer: int) -> Iterator[list[Any]]:
    """Give a list that receives what a layer's attention reads, (B, L, D), each time that the model runs.

    Raises:
        UsageError: the model has no layers of attention that count themselves, as those of `transformers` do.
    """
    parts = plain_model(model).modules()
    found = [part for part in parts if hasattr(part, "layer_idx") and type(part).__name__.endswith(KIND)]
    if not found:
        raise UsageError(f"{type(model).__name__} has no layers of attention for Grad-CAM to look into: choose another method")
    seen: list[Any] = []

    def keep(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.append(named["hidden_states"] if "hidden_states" in named else arguments[0])

    hook = found[layer].register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


def integrated_gradients(prompts: Prompts, chosen: Any) -> Any:
    """Return each token's share in the move's log-odds beyond those of a prompt of neutral tokens: (B, L), signed.

    The sum over the tokens is that difference, up to the error of `STEPS` points.
    """
    from captum.attr import IntegratedGradients

    def odds(embeddings: Any, mask: Any, positions: Any, taken: Any) -> Any:
        return log_odds(action_logits(run(prompts.model, embeddings, mask, positions), prompts), taken)

    given = (prompts.mask, prompts.positions, chosen)
    found = IntegratedGradients(odds).attribute(
        prompts.embeddings,
        baselines=prompts.neutral.expand_as(prompts.embeddings),
        additional_forward_args=given,
        n_steps=STEPS,
        internal_batch_size=max(ROWS, len(chosen)),
    )
    return found.sum(dim=2).float() * prompts.mask


METHODS: Final[dict[str, Attribute]] = {"rollout": rollout, "gradcam": gradcam, "ig": integrated_gradients}
"""Methods by name, those of `names.TITLES`."""
