"""The loss of supervised fine-tuning, on TRL's `SFTTrainer`.

The loss of a position is the cross entropy between the wanted probabilities of the moves and the model's next token, plus
-log P of the end of text after it; the prompt is masked.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch.nn import functional

from ouroloop.policy.bases.player import plain_model
from ouroloop.policy.slots import SlotTrainer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.policy.sft.data import Lessons

PARTS = 4
"""Parts of a batch that go through the model one after the other on a CPU; a GPU takes the whole batch."""


class Lecture(Protocol):
    """A source of lessons."""

    def draw(self, slots: NDArray[np.int64]) -> Lessons:
        """Return the lessons for these slots: (B,) int64 to B lessons."""
        ...


class LessonTrainer(SlotTrainer):
    """Trains on slots, each of which stands for a position from the school."""

    school: Lecture

    def slot_loss(self, model: torch.nn.Module, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss and the logits after the prompts; see the module."""
        lessons = self.school.draw(slots.cpu().numpy())
        wanted = torch.from_numpy(lessons.targets).to(slots.device)
        ids, mask = self.policy.encode(lessons.positions)
        loss, logits = self.lesson_loss(model, lessons, (ids, mask), wanted)
        self._note(logits.detach(), wanted)
        self._total_train_tokens += int(mask.sum()) + len(ids)
        return loss, logits

    def lesson_loss(
        self,
        model: torch.nn.Module,
        lessons: Lessons,
        prompts: tuple[NDArray[np.int32], NDArray[np.bool_]],
        wanted: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of lessons, whose prompts are given, and the logits after the prompts; see `lesson_loss`."""
        return lesson_loss(model, self.policy, *prompts, wanted)

    def _note(self, logits: torch.Tensor, wanted: torch.Tensor) -> None:
        """Record accuracy and entropy of a batch, over all processes."""
        logp = functional.log_softmax(logits, dim=-1)
        best = wanted.gather(1, logits[:, list(self.policy.actions)].argmax(dim=1, keepdim=True))[:, 0]
        accuracy = (best >= wanted.amax(dim=1)).float().mean()
        entropy = -(logp.exp() * logp).sum(dim=-1).mean()
        found = self.accelerator.gather(torch.stack([accuracy, entropy])[None]).mean(dim=0).tolist()
        for name, value in zip(("mean_token_accuracy", "entropy"), found, strict=True):
            self._metrics["train"][name].append(value)


def lesson_loss(
    model: torch.nn.Module, policy: LanguagePolicy, ids: NDArray[np.int32], mask: NDArray[np.bool_], wanted: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean loss of B lessons and the logits after their prompts: (B, V).

    On a CPU the rows go through the model in `PARTS` of similar length, which saves a third of the work on padding.

    Args:
        model: the policy's model, as the trainer wraps it.
        policy: supplies the tokens of the actions and the end.
        ids: (B, L), padded on the left.
        mask: (B, L), true for tokens, false for padding.
        wanted: (B, A), the wanted probabilities of the actions.
    """
    actions, device = torch.tensor(policy.actions, device=wanted.device), wanted.device
    answer = actions[wanted.argmax(dim=1)][:, None]
    order = np.argsort(mask.sum(axis=1), kind="stable")
    placed = "position_ids" in inspect.signature(plain_model(policy.model).forward).parameters
    outputs = []
    for rows in np.array_split(order, min(PARTS, len(order)) if device.type == "cpu" else 1):
        width = int(mask[rows].sum(axis=1).max())
        prompt, seen = (torch.from_numpy(part[rows, -width:]).long().to(device) for part in (ids, mask))
        seen = functional.pad(seen, (0, 1), value=1)
        inputs = {"input_ids": torch.cat([prompt, answer[rows]], dim=1), "attention_mask": seen}
        if placed:  # models with absolute positions would count padding as text
            inputs["position_ids"] = (seen.cumsum(dim=1) - 1).clamp(min=0)
        outputs.append(model(**inputs, logits_to_keep=2, use_cache=False).logits.float())
    logits = torch.cat(outputs)[torch.from_numpy(np.argsort(order)).to(device)]
    return answer_loss(policy, logits, wanted), logits[:, 0]


def answer_loss(policy: LanguagePolicy, logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of B answers: a scalar.

    Args:
        policy: supplies the tokens of the actions and the end.
        logits: (B, 2, V) float32, after the prompts and after the answers.
        wanted: (B, A), the wanted probabilities of the actions.
    """
    actions = torch.tensor(policy.actions, device=wanted.device)
    move = -(wanted * functional.log_softmax(logits[:, 0], dim=-1)[:, actions]).sum(dim=1)
    ends = torch.full((len(wanted),), policy.end, device=wanted.device)
    end = functional.cross_entropy(logits[:, 1], ends, reduction="none")
    return (move + end).mean()
