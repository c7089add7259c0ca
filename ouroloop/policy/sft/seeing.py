"""Supervised fine-tuning of a policy that sees: its loss has a second part, the board and the focus that it reads back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from ouroloop.envs.capabilities import sight_of
from ouroloop.policy.fusion.focus import places_of
from ouroloop.policy.sft.trainer import LessonTrainer, answer_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.fusion.layout import Layout
    from ouroloop.policy.sft.data import Lessons
    from ouroloop.protocols.ports import Task

BOARD_READ, FOCUS_FOUND = "board_read", "focus_found"
"""The trainer's names for the share of cells that the read-out gets right, and of pictures whose focus the model finds."""


class SeeingTrainer(LessonTrainer):
    """Trains a seeing policy.

    `task` says what its pictures show, `layout` how they lie in its prompts, and `readout` weighs the second part of the loss.
    """

    task: Task
    layout: Layout
    readout: float

    def lesson_loss(
        self,
        model: torch.nn.Module,
        lessons: Lessons,
        prompts: tuple[NDArray[np.int32], NDArray[np.bool_]],
        wanted: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of lessons, both parts of it, and the logits after their prompts: (B, V)."""
        actions = torch.tensor(self.policy.actions, device=wanted.device)
        ids = torch.from_numpy(prompts[0]).long().to(wanted.device)
        ids = torch.cat([ids, actions[wanted.argmax(dim=1)][:, None]], dim=1)
        found = model(input_ids=ids, logits_to_keep=2, board=self.readout > 0)
        logits = found.logits.float()
        loss = answer_loss(self.policy, logits, wanted)
        if self.readout:
            sight, positions = sight_of(self.task), lessons.positions
            loss = loss + self.readout * self._read_back(BOARD_READ, found.board.flatten(0, 1), sight.label(positions).ravel())
        if self.readout and found.focus is not None:
            places = places_of(sight.focus(positions), self.layout)
            loss = loss + self.readout * self._read_back(FOCUS_FOUND, found.focus, places)
        return loss, logits[:, 0]

    def _read_back(self, name: str, logits: torch.Tensor, truth: NDArray[np.integer]) -> torch.Tensor:
        """Return the mean cross entropy of what was read back, (N, K) logits of (N,) classes; record how much is right."""
        wanted = torch.from_numpy(truth.astype(np.int64)).to(logits.device)
        right = (logits.detach().argmax(dim=1) == wanted).float().mean()
        self._metrics["train"][name].append(float(self.accelerator.gather(right[None]).mean()))
        return functional.cross_entropy(logits.float(), wanted)
