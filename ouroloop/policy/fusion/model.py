"""A Llama whose prompts are latents: `FusedForCausalLM`, a model type of its own, which no code from a checkpoint makes.

It takes ids like any other causal model, in the form of `layout`, with answers after the prompt. All prompts have the same
length, so there is no padding; a mask is taken, as trainers give one, and not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.modeling_outputs import CausalLMOutput

from ouroloop.policy.fusion.folding import Folding
from ouroloop.policy.fusion.layout import Layout
from ouroloop.policy.fusion.readout import Readout

if TYPE_CHECKING:
    from ouroloop.policy.checkpoint.llama import LlamaNumbers

KIND: Final = "ouroloop_fused"
EYE_PARTS: Final = ("folding", "readout")
"""The layers that a Llama lacks."""


class FusedConfig(LlamaConfig):  # type: ignore[misc]  # transformers' classes are untyped
    """A Llama's configuration, with the layout of the prompts as `layout`, a table of numbers."""

    model_type = KIND


@dataclass
class FusedOutput(CausalLMOutput):  # type: ignore[misc]  # transformers' classes are untyped
    """Logits, and if asked for, what the model tells of a picture.

    `board` has the class logits of the board's cells, (B, side * side, classes), and `focus` logits over the places of the
    grid, (B, tokens), if it has places.
    """

    board: Tensor | None = None
    focus: Tensor | None = None


class FusedForCausalLM(LlamaForCausalLM):  # type: ignore[misc]  # transformers' classes are untyped
    """See the module. `config.layout` holds the fields of a `Layout`."""

    config_class = FusedConfig

    def __init__(self, config: FusedConfig) -> None:
        """Build the model for a configuration."""
        super().__init__(config)
        self.layout = Layout.model_validate(config.layout)
        self.folding = Folding(self.layout, config.hidden_size, config.vocab_size)
        self.readout = Readout(self.layout, config.hidden_size)
        self.post_init()
        self.generation_config.use_cache = False

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        board: bool = False,
        **kwargs: Any,
    ) -> FusedOutput:
        """Return the logits after prompts and answers.

        Args:
            input_ids: (B, prompt + N) int64, prompts with N answers.
            attention_mask: not looked at, because no prompt is padded.
            inputs_embeds: (B, length + N, hidden) in place of the ids, as `embedded` returns them.
            use_cache: not looked at; nothing is cached.
            logits_to_keep: the number of last positions whose logits are returned; 0 for all, of length + N.
            board: whether the board and the focus are read back too.
            kwargs: passed on to the Llama, as far as they are given.
        """
        embeds, focus = self.begun(input_ids) if inputs_embeds is None else (inputs_embeds, None)
        found = self.model(
            inputs_embeds=embeds,
            attention_mask=self.mask(embeds),
            position_ids=torch.arange(embeds.shape[1], device=embeds.device)[None],
            use_cache=False,
            **{key: value for key, value in kwargs.items() if value is not None},
        )
        states = found.last_hidden_state
        return FusedOutput(
            logits=self.lm_head(states[:, -logits_to_keep:]),
            board=self.readout(states[:, 1 : 1 + self.layout.tokens]) if board else None,
            focus=focus if board else None,
            hidden_states=found.hidden_states,
            attentions=found.attentions,
        )

    def embedded(self, ids: Tensor) -> Tensor:
        """Return prompts and answers as embeddings: (B, prompt + N) int64 to (B, length + N, hidden)."""
        return self.begun(ids)[0]

    def begun(self, ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return prompts and answers as embeddings, and where the focus of the pictures may be; see `Folding.forward`."""
        cut = self.layout.prompt
        folded, focus = self.folding(ids[:, :cut])
        return torch.cat([folded, self.model.embed_tokens(ids[:, cut:])], dim=1), focus

    def mask(self, embeds: Tensor) -> Tensor:
        """Return which places attend to which, as numbers to add to the scores: (1, 1, L, L), 0 or the type's lowest.

        Every place attends to those before it; the places of a picture also attend to each other, as in PaliGemma (Beyer et
        al. 2024), unless the layout says otherwise.
        """
        length = embeds.shape[1]
        seen = torch.ones(length, length, dtype=torch.bool, device=embeds.device).tril()
        if self.layout.mutual:
            seen[: 1 + self.layout.tokens, : 1 + self.layout.tokens] = True
        lowest = torch.finfo(embeds.dtype).min
        return torch.zeros_like(seen, dtype=embeds.dtype).masked_fill(~seen, lowest)[None, None]


def register() -> None:
    """Let the `Auto` classes of transformers know the model type; safe to call twice."""
    AutoConfig.register(KIND, FusedConfig, exist_ok=True)
    AutoModelForCausalLM.register(FusedConfig, FusedForCausalLM, exist_ok=True)


def fused_config(numbers: LlamaNumbers, layout: Layout) -> FusedConfig:
    """Return the configuration of a model that reads prompts of a layout."""
    settings = numbers.settings() | {"max_position_embeddings": layout.length + 8, "use_cache": False}
    return FusedConfig(**settings, layout=layout.model_dump())
