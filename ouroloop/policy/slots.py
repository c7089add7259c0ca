"""TRL's `SFTTrainer` on slots: a row's number determines its example when it is trained on.

An interrupted training therefore resumes from its last checkpoint to the same weights, and positions that a student
reaches while it trains can join. A batch goes through the model in as many pieces as memory requires, with the same
gradient.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from datasets import Dataset
from trl import SFTConfig as TrlConfig
from trl import SFTTrainer

from ouroloop.policy.bases.adapter import train_in_float32
from ouroloop.policy.bases.player import out_of_memory
from ouroloop.policy.distributed import processes, share
from ouroloop.policy.training import plain_arguments, strip_console
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from ouroloop.policy.language import LanguagePolicy

log = logging.getLogger(__name__)


class SlotTrainer(SFTTrainer):  # type: ignore[misc]  # trl's classes are untyped
    """`SFTTrainer` whose rows are slots; a subclass defines in `slot_loss` what they stand for.

    `pieces` is the number of pieces in which a batch goes through the model, one after the other.
    """

    policy: LanguagePolicy
    pieces: int = 1

    @abstractmethod
    def slot_loss(self, model: torch.nn.Module, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of slots, (B,) int64, and the logits after their prompts, (B, V)."""

    def compute_loss(
        self, model: torch.nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the loss of a piece of a batch, weighted by its `share` of the batch."""
        loss, logits = self.slot_loss(model, inputs["slot"])
        loss = loss * inputs.get("share", 1.0)
        return (loss, {"logits": logits}) if return_outputs else loss

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Return a batch's loss, with its gradient computed; if memory runs out, double the pieces as often as necessary.

        Raises:
            SurroundingsError: not even one slot fits, or several processes train together and must use the same pieces.
        """
        slots, before = inputs["slot"], self.pieces
        while (loss := self._in_pieces(model, slots)) is None:
            self.pieces = min(2 * self.pieces, len(slots))
        if self.pieces > before:
            was, now = (-(-len(slots) // pieces) for pieces in (before, self.pieces))
            log.warning("out of memory with %d positions at a time: goes on with %d, more slowly", was, now)
        return loss

    def _in_pieces(self, model: torch.nn.Module, slots: torch.Tensor) -> torch.Tensor | None:
        """Return a batch's loss, or None if memory did not suffice for its pieces."""
        parts = slots.chunk(min(self.pieces, len(slots)))
        step = super().training_step
        try:
            return torch.stack([step(model, {"slot": part, "share": len(part) / len(slots)}) for part in parts]).sum()
        except (MemoryError, RuntimeError) as error:  # torch's own OutOfMemoryError is a RuntimeError
            if not out_of_memory(error):
                raise
            if processes() > 1 or len(parts) == len(slots):
                advice = "take a smaller batch, a smaller model or an adapter (lora), or quantise"
                raise SurroundingsError(f"out of memory with {len(parts[0])} positions at a time: {advice}") from error
        model.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None


Trainer = TypeVar("Trainer", bound=SlotTrainer)


def slot_trainer(
    kind: type[Trainer],
    policy: LanguagePolicy,
    folder: Path,
    *,
    steps: int,
    batch: int,
    checkpoint: int,
    seed: int,
    device: str = "cpu",
    **arguments: Any,
) -> Trainer:
    """Return a trainer of a policy whose rows are slots.

    Args:
        kind: its class.
        policy: its model is trained in place; only weights that require gradients change.
        folder: for checkpoints.
        steps: of the optimizer.
        batch: slots per step, of all processes together.
        checkpoint: steps between checkpoints, 0 for none.
        seed: of the trainer's own randomness.
        device: `cpu` or `cuda`.
        arguments: of `trl.SFTConfig`.
    """
    trainer = kind(
        model=policy.model,
        args=TrlConfig(
            output_dir=str(folder),
            max_steps=steps,
            per_device_train_batch_size=share(batch),
            optim="adamw_torch_fused",
            seed=seed % 2**32,
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            **arguments,
            **plain_arguments(checkpoint, device),
        ),
        # One slot per row of every step.
        train_dataset=Dataset.from_dict({"slot": np.arange(steps * batch)}),
        processing_class=policy.tokenizer,
        data_collator=lambda rows: {"slot": torch.tensor([row["slot"] for row in rows])},
    )
    train_in_float32(policy.model)
    trainer.policy = policy
    strip_console(trainer)
    return trainer
