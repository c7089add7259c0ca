"""Supervised fine-tuning of a policy that sees: its loss has a second part, the board read back from its last states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from ouroloop.envs.capabilities import sight_of
from ouroloop.policy.sft.trainer import LessonTrainer, answer_loss

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.policy.sft.data import Lessons
    from ouroloop.protocols.ports import Task

BOARD_READ = "board_read"
"""The trainer's name for the share of cells that the read-out gets right."""


class SeeingTrainer(LessonTrainer):
    """Trains a seeing policy; `task` says what its pictures show, and `readout` weighs the second part of the loss."""

    task: Task
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
            loss = loss + self.readout * self._read_back(found.board, lessons)
        return loss, logits[:, 0]

    def _read_back(self, board: torch.Tensor, lessons: Lessons) -> torch.Tensor:
        """Return the mean cross entropy of the cells, and record the share that is right."""
        cells = torch.from_numpy(sight_of(self.task).label(lessons.positions)).long().to(board.device)
        right = (board.detach().argmax(dim=2) == cells).float().mean()
        self._metrics["train"][BOARD_READ].append(float(self.accelerator.gather(right[None]).mean()))
        return functional.cross_entropy(board.float().flatten(0, 1), cells.flatten())
