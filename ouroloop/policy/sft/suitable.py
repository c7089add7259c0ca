"""Whether a game has what the settings of an SFT ask for; asked before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.envs.capabilities import check_teacher, encoding_of, symmetry_of

if TYPE_CHECKING:
    from ouroloop.policy.sft.config import SftConfig
    from ouroloop.protocols.ports import Task


def check_sft(task: Task, config: SftConfig) -> None:
    """Raise UsageError if the game lacks the encoding, the teacher or the symmetry; this loads no model."""
    encoding_of(task, config.encoding)
    check_teacher(task, config.teacher)
    if config.symmetry:
        symmetry_of(task).check(config.teacher)
