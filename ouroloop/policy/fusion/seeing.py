"""A policy that sees: an eye's latents instead of text, in every training and player that knows token ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from ouroloop.envs.capabilities import drawn_encoding_of, encoding_of, sight_of
from ouroloop.policy.checkpoint.llama import LlamaNumbers
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.fusion.layout import Layout, layout_of
from ouroloop.policy.fusion.model import FusedForCausalLM, fused_config, register
from ouroloop.policy.fusion.stages import staged
from ouroloop.policy.fusion.written import CLOSING, OPENING, scaled, written
from ouroloop.policy.snake_gpt import SnakeGPT, check_device
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.protocols.encoding import EOS, PAD
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerFast

    from ouroloop.policy.settings import Shape
    from ouroloop.protocols.encoding import Encoding
    from ouroloop.protocols.ports import Eye, Task
    from ouroloop.protocols.records import Observations

TOLD_AT_ONCE: Final = 64
"""Boards in a batch whose cells are told."""


@dataclass(frozen=True, slots=True)
class Seeing:
    """A policy that reads what its eye saw; a `language.LanguagePolicy`.

    Args:
        model: a `FusedForCausalLM`, within a `peft` model if an adapter is being trained.
        encoding: its vocabulary; no text of it is read.
        task: name of the game.
        eye: what it looks through.
        layout: of its prompts.
        unseen: the columns that no picture shows, which the closing of a prompt carries.
        fusion: the settings that it was made with.
    """

    model: Any
    encoding: Encoding
    task: str
    eye: Eye
    layout: Layout
    unseen: tuple[str, ...]
    fusion: FusionConfig

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer of its vocabulary, created anew."""
        return build_tokenizer(self.encoding)

    @property
    def actions(self) -> tuple[int, ...]:
        """Token ids of the actions."""
        return self.encoding.actions

    @property
    def end(self) -> int:
        """Token id that ends an answer."""
        return EOS

    @property
    def pad(self) -> int:
        """Token id of padding, which no prompt needs."""
        return PAD

    @property
    def prompt_tokens(self) -> int:
        """Embeddings that a prompt becomes; it has many more ids."""
        return self.layout.length

    def encode(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts, ids (B, layout.prompt) int32 and mask (B, layout.prompt) bool, all true.

        Raises:
            UsageError: the observations are of another board.
        """
        layout, first = self.layout, len(self.encoding.vocabulary)
        ids = np.empty((len(observations), layout.prompt), np.int32)
        ids[:, 0], ids[:, -1] = first + OPENING, first + CLOSING
        if len(observations):
            self._check(observations)
            seen = self.eye.see(observations).reshape(len(ids), layout.rows * layout.columns, layout.width)
            ids[:, 1 : 1 + layout.written] = written(seen, first).reshape(len(ids), -1)
            if self.unseen:
                kept = np.stack([scaled(observations.columns[key], layout.side**2) for key in self.unseen], axis=1)
                ids[:, 1 + layout.written : -1] = written(kept, first)
        return ids, np.ones(ids.shape, dtype=bool)

    def told(self, observations: Observations) -> NDArray[np.uint8] | None:
        """Return the class of each cell as the last states tell it, (B, side * side); None if they never learned to.

        Raises:
            UsageError: the observations are of another board.
        """
        if not self.fusion.readout:
            return None
        out = np.empty((len(observations), self.layout.side**2), np.uint8)
        with torch.inference_mode():
            for start in range(0, len(out), TOLD_AT_ONCE):
                ids, _ = self.encode(observations.take(np.arange(start, min(start + TOLD_AT_ONCE, len(out)))))
                given = torch.from_numpy(ids).long().to(self.model.device)
                board = self.model(input_ids=given, logits_to_keep=1, board=True).board
                out[start : start + TOLD_AT_ONCE] = board.argmax(2).cpu().numpy()
        return out

    def _check(self, observations: Observations) -> None:
        """Refuse observations of a game with other settings than those that it was made for."""
        for key, value in self.encoding.settings.items():
            found = observations.constants.get(key, value)
            if found != value:
                raise UsageError(f"this policy was made for {key} {value}, found observations of {key} {found}")
        found_grid, own = self.eye.grid(observations), (self.layout.rows, self.layout.columns)
        if (*found_grid, self.eye.width) != (*own, self.layout.width):
            raise UsageError(
                f"this policy reads {own[0]}x{own[1]} latents of {self.layout.width} numbers, its eye gives "
                f"{found_grid[0]}x{found_grid[1]} of {self.eye.width}: it was made with another eye"
            )


def create_seeing(
    task: Task,
    shape: Shape,
    seed: int,
    eye: Eye,
    fusion: FusionConfig,
    *,
    body: SnakeGPT | None = None,
    device: str = "cpu",
) -> Seeing:
    """Return an untrained policy that looks through an eye; the same seed gives the same weights.

    Args:
        task: the game.
        shape: width and depth of a new body.
        seed: decides the weights.
        eye: what it looks through.
        fusion: how it reads latents, and which of its weights can be trained.
        body: a trained Snake-GPT whose weights, vocabulary and shape it begins with; a new one by default.
        device: where the model goes.

    Raises:
        UsageError: the game has no pictures, or the eye's latents are too many.
        SurroundingsError: there is no such device.
    """
    check_device(device)
    register()
    words = _vocabulary(task) if body is None else body.encoding
    numbers = _numbers(shape, len(words.vocabulary)) if body is None else _numbers_of(body)
    sight, sample = sight_of(task), task.engine(np.zeros(1, np.uint64)).observations()
    layout = layout_of(eye.grid(sample), eye.width, sight, fusion)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = FusedForCausalLM(fused_config(numbers, layout))
    if body is not None:
        model.load_state_dict(body.model.state_dict(), strict=False)
    kept = fusion.model_copy(update={"body": ""})
    return Seeing(staged(model.to(device), kept, seed), words, task.name, eye, layout, sight.unseen, kept)


def _vocabulary(task: Task) -> Encoding:
    """Return the encoding whose vocabulary a new body has: the small one of the text board, or the game's first."""
    return drawn_encoding_of(task) if task.sight is not None and task.sight.encoding else encoding_of(task)


def _numbers(shape: Shape, vocabulary: int) -> LlamaNumbers:
    """Return the configuration of a new body; see `snake_gpt.create`."""
    return LlamaNumbers(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=shape.hidden // shape.heads,
        max_position_embeddings=1,
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=PAD,
        eos_token_id=EOS,
    )


def _numbers_of(body: SnakeGPT) -> LlamaNumbers:
    """Return the configuration of a trained body."""
    found = body.model.config.to_dict()
    names = set(LlamaNumbers.model_fields) - {"dtype", "transformers_version"}
    return LlamaNumbers.model_validate({name: found[name] for name in names if name in found})
