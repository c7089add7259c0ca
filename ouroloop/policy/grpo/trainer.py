"""TRL's `GRPOTrainer` for answers of one token: its loss, clip, KL and loop, without what such answers do not need.

- The rows of a batch are measured groups, not texts: the trainer generates, tokenises and decodes nothing. Advantages are
  computed as TRL does, but are exactly 0 in a group whose answers all have one reward, where rounding would leave a
  remainder.
- A probability depends only on the prompt, so there is one forward pass per distinct prompt, not one per answer.
- The old log-probabilities are those of the first pass over a batch, which is on policy, so they need no extra pass. The
  sampler's own are compared with them.
- The reference's log-probabilities come with the groups, computed once per prompt.

The module is long because one class overrides a dozen of TRL's methods that share its state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast
from trl import GRPOConfig as TrlConfig
from trl import GRPOTrainer

from ouroloop.policy.bases.player import out_of_memory
from ouroloop.policy.grpo.config import VARIANTS, GrpoConfig, Scale
from ouroloop.policy.grpo.monitors import k3, zero_variance
from ouroloop.policy.grpo.sampler import next_logits
from ouroloop.policy.training import plain_arguments, strip_console
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """S groups of G answers, ready for learning.

    Args:
        ids: (S, L) int32, the prompts, padded on the left.
        mask: (S, L) bool, true for tokens, false for padding.
        tokens: (S, G) int64, the answers.
        logprobs: (S, G) float32, under the sampler.
        reference: (S, G) float32, under the reference; None without a KL term.
        rewards: (S, G) float32.
        figures: monitors of how the batch was made, by name.
    """

    ids: NDArray[np.int32]
    mask: NDArray[np.bool_]
    tokens: NDArray[np.int64]
    logprobs: NDArray[np.float32]
    reference: NDArray[np.float32] | None
    rewards: NDArray[np.float32]
    figures: dict[str, float]


Supply = Callable[[float], Batch]
"""Returns the next batch, given the training's progress in [0, 1]."""


def advantages(rewards: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Return (S, G) advantages within groups, as TRL computes them, but exactly 0 if a group's rewards are all equal.

    Args:
        rewards: (S, G).
        scale: what they are divided by.
    """
    centred = np.where(zero_variance(rewards)[:, None], 0, rewards - rewards.mean(axis=1, keepdims=True))
    if scale == "group":
        centred = centred / (rewards.std(axis=1, ddof=1, keepdims=True) + 1e-4)
    elif scale == "batch":
        centred = centred / (rewards.std(ddof=1) + 1e-4)
    return centred.astype(np.float32)


class SharedPromptTrainer(GRPOTrainer):  # type: ignore[misc]  # trl's classes are untyped
    """See the module."""

    _buffered_inputs: Any
    supply: Supply
    config: GrpoConfig
    policy: LanguagePolicy
    pieces: int = 1
    """The number of pieces in which a part's prompts go through the model; several are recomputed in the backward pass."""
    _shared: dict[str, torch.Tensor]
    _entropies: torch.Tensor
    """Of the policy after each prompt of the part at work: (S,) nats."""
    _again: bool = False

    def training_step(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Return a part's loss, with its gradient computed; if memory runs out, double the pieces as often as necessary.

        Raises:
            SurroundingsError: not even one prompt fits, or other parts of the batch have already left their gradient.
        """
        before = self.pieces
        while True:
            try:
                loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
            except (MemoryError, RuntimeError) as error:  # torch's own OutOfMemoryError is a RuntimeError
                if not out_of_memory(error):
                    raise
                self._cut_smaller(model, error)
            else:
                break
        if self.pieces > before:
            log.warning("out of memory in %d pieces: goes on in %d, more slowly", before, self.pieces)
        return loss

    def _cut_smaller(self, model: torch.nn.Module, error: Exception) -> None:
        """Undo a step that ran out of memory, and set it up for smaller pieces."""
        prompts = len(self._shared["prompts"])
        if self.config.parts > 1 or self.pieces >= prompts:
            advice = "take fewer states a step, more parts, recompute = true, a smaller model, or quantise"
            raise SurroundingsError(f"out of memory with {prompts} prompts in {self.pieces} pieces: {advice}") from error
        self.pieces = min(2 * self.pieces, prompts)
        self._shared.clear()
        self._shared.update(self._untouched)
        self._again = True
        model.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def get_train_dataloader(self) -> DataLoader[int]:
        """Return one empty turn per pass, because the data are collected only when they are needed."""
        return DataLoader(range(self.args.max_steps * self.config.parts), collate_fn=_turn)

    def _prepare_inputs(self, generation_batch: Any) -> dict[str, torch.Tensor]:
        """Return the part of the current batch whose turn it is; begin a new batch when the last one is used up."""
        parts = self.config.parts
        if self._again:
            self._again = False
            return self._shared
        if self._step % (parts * self.num_iterations) == 0 or self._buffered_inputs is None:
            self._buffered_inputs = self.cut(self.supply(self.state.global_step / max(1, self.state.max_steps)))
        self._shared = self._buffered_inputs[self._step % parts]
        self._untouched = dict(self._shared)
        return self._shared

    def cut(self, batch: Batch) -> list[dict[str, torch.Tensor]]:
        """Return a batch in parts of whole groups, in TRL's form; a row refers to its prompt instead of repeating it."""
        metrics = self._metrics["train"]
        flat = zero_variance(batch.rewards)
        for name, value in {**batch.figures, "zero_variance": float(flat.mean()), "rewarded": float(1 - flat.mean())}.items():
            metrics[name].append(value)
        kept = ~flat if VARIANTS[self.config.variant].drop and not flat.all() else np.ones(len(flat), dtype=np.bool_)
        metrics["dropped"].append(float(1 - kept.mean()))
        gains = advantages(batch.rewards, self.config.scaling())
        rows = np.split(np.arange(len(batch.tokens)), self.config.parts)
        total = torch.tensor(float(kept.sum() * batch.tokens.shape[1]), device=self.accelerator.device)
        total = self.accelerator.gather(total).sum()
        return [self._part(batch, gains, kept, part) | {"num_items_in_batch": total} for part in rows]

    def _part(
        self, batch: Batch, gains: NDArray[np.float32], kept: NDArray[np.bool_], rows: NDArray[np.int64]
    ) -> dict[str, torch.Tensor]:
        """Return some groups as tensors."""
        group, device = batch.tokens.shape[1], self.accelerator.device
        width = int(batch.mask[rows].sum(axis=1).max())

        def column(values: NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(values.reshape(-1, 1))).to(device)

        part: dict[str, torch.Tensor] = {
            "prompts": torch.from_numpy(batch.ids[rows, -width:]).long().to(device),
            "prompts_mask": torch.from_numpy(batch.mask[rows, -width:]).long().to(device),
            "prompt_ids": column(np.repeat(np.arange(len(rows)), group)),
            "prompt_mask": torch.ones(len(rows) * group, 1, dtype=torch.long, device=device),
            "completion_ids": column(batch.tokens[rows]),
            "completion_mask": column(np.repeat(kept[rows], group)).long(),
            "advantages": column(gains[rows])[:, 0],
            "sampled_logps": column(batch.logprobs[rows]),
        }
        return part if batch.reference is None else part | {"ref_per_token_logps": column(batch.reference[rows])}

    def _get_per_token_logps_and_entropies(
        self,
        model: torch.nn.Module,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **inputs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        """Return the log-probabilities and the entropies of the answers: (B, 1) each.

        Args:
            model: as the trainer wraps it.
            input_ids: (B, 2), the number of the prompt, and the answer.
            attention_mask: unused, as the other arguments.
            logits_to_keep: unused.
            batch_size: unused.
            compute_entropy: whether the entropies are wanted.
            compute_aux_loss: unused.
            inputs: unused.
        """
        owner, token = input_ids[:, 0], input_ids[:, 1:]
        logits = self._logits(model) / self.temperature
        if self.config.sampler == "actions":
            known = torch.tensor(self.policy.actions, device=logits.device)
            logits, token = logits[:, known], (token == known).long().argmax(dim=1, keepdim=True)
        logps = torch.log_softmax(logits, dim=-1)
        kept = logps if self.config.entropy else logps.detach()
        self._entropies = -(kept.exp() * kept).sum(dim=-1)
        self._chosen = logps[owner].gather(1, token)
        self._correct(self._chosen.detach())
        if not compute_entropy:
            return self._chosen, None, None
        return self._chosen, self._entropies.detach()[owner, None], None

    def _logits(self, model: torch.nn.Module) -> torch.Tensor:
        """Return the logits after a part's prompts: (S, V) float32."""
        prompts, mask = self._shared["prompts"], self._shared["prompts_mask"]
        if self.pieces == 1:
            return next_logits(model, prompts, mask)
        pieces = zip(prompts.chunk(self.pieces), mask.chunk(self.pieces), strict=True)
        return torch.cat([checkpoint(next_logits, model, *piece, use_reentrant=False) for piece in pieces])

    def _compute_loss(self, model: torch.nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        """Return TRL's loss of a part, less the entropy's bonus.

        The first pass is on policy, and gives the old log-probabilities of the others.
        """
        self._shared = inputs
        loss: torch.Tensor = super()._compute_loss(model, inputs)
        if self.config.entropy:
            kept = inputs["completion_mask"].view(len(self._entropies), -1)[:, 0]
            bonus = (self._entropies * kept).sum() / kept.sum().clamp(min=1)
            loss = loss - self.config.entropy * bonus / self.config.parts
        if "old_per_token_logps" in inputs:
            metrics = self._metrics["train"]
            for ours, theirs in (("clip_off", "region_mean"), ("clip_low", "low_mean"), ("clip_high", "high_mean")):
                metrics[ours].append(metrics[f"clip_ratio/{theirs}"][-1])
        else:
            inputs["old_per_token_logps"] = self._chosen.detach()
        self.last_loss = loss.detach()
        return loss

    def _correct(self, chosen: torch.Tensor) -> None:
        """Weight a part's answers by min(trainer / sampler, cap) at its first pass, before TRL reads the advantages.

        With one precision on both sides that is 1; a sampler of another precision needs it (Yao et al. 2025, "Your efficient
        RL framework secretly brings you off-policy RL training").
        """
        inputs = self._shared
        if "old_per_token_logps" in inputs:
            return
        gap = chosen - inputs["sampled_logps"]
        inputs["advantages"] = inputs["advantages"] * torch.exp(gap).clamp(max=self.config.cap)[:, 0]
        self._metrics["train"]["sampler_gap"].append(float(gap.abs().max()))


def build_trainer(
    policy: LanguagePolicy, supply: Supply, config: GrpoConfig, seed: int, folder: Path, *, warmup: int | None = None
) -> SharedPromptTrainer:
    """Return the trainer of a policy.

    Args:
        policy: its model is trained in place.
        supply: gives the batches.
        config: the settings.
        seed: of the trainer's own randomness.
        folder: for checkpoints.
        warmup: steps in which the learning rate rises; a few by default.
    """
    variant, (low, high) = VARIANTS[config.variant], config.clip()
    for module in policy.model.modules():
        if hasattr(module, "attention_dropout"):  # `disable_dropout` misses it, since it is not a module
            module.attention_dropout = 0.0
    trainer = SharedPromptTrainer(
        model=policy.model,
        reward_funcs=[_measured_already],
        args=TrlConfig(
            output_dir=str(folder),
            max_steps=config.steps,
            per_device_train_batch_size=config.states * config.group // config.parts,
            gradient_accumulation_steps=config.parts,
            num_generations=config.group,
            num_iterations=config.iterations,
            max_completion_length=1,
            temperature=1.0,
            top_p=1.0,
            learning_rate=config.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=min(5, config.steps // 4) if warmup is None else warmup,
            optim="adamw_torch_fused",
            epsilon=low,
            epsilon_high=high,
            beta=0.0,
            loss_type=variant.loss,
            importance_sampling_level=variant.level,
            scale_rewards=config.scaling(),
            max_grad_norm=1.0,
            disable_dropout=True,
            seed=seed % 2**32,
            **{**plain_arguments(config.saves(), config.device), "bf16": False, "gradient_checkpointing": config.recompute},
        ),
        train_dataset=Dataset.from_dict({"prompt": [""]}),
        processing_class=_silent_tokenizer(policy.pad, policy.end),
    )
    # If TRL's configuration had beta, TRL would load the reference from disk; here the reference comes with the batch.
    trainer.beta = config.beta
    trainer.supply, trainer.config, trainer.policy = supply, config, policy
    strip_console(trainer)
    return trainer


def drift(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return the k3 estimate of KL(before || after) from the log-probabilities of answers that `before` gave: (S, G) each."""
    return k3(after - before)


def _turn(rows: list[int]) -> dict[str, int]:
    return {"turn": rows[0]}


def _measured_already(**_: Any) -> list[float]:
    raise AssertionError("rewards come with the batch")


def _silent_tokenizer(pad: int, end: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer of two tokens: TRL requires one, but no text passes through it."""
    words = {"<pad>": pad} if pad == end else {"<pad>": pad, "<end>": end}
    last = "<pad>" if pad == end else "<end>"
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")),  # noqa: S106 - a token of text, no secret
        pad_token="<pad>",  # noqa: S106
        eos_token=last,
        unk_token="<pad>",  # noqa: S106
        padding_side="left",
    )
