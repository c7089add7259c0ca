"""The facts about its game on a policy's card, and the encoding that follows from them.

A card names the game and the encoding, and holds the game's settings on which the prompts depend. A policy that is opened for
a game is compared with it; one that is opened by itself finds its game among the installed ones. A card may come from a
stranger, so it never names code to import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from ouroloop.envs.registry import installed_task
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.protocols.encoding import Encoding
    from ouroloop.protocols.ports import Task


class GameCard(BaseModel):
    """A card of any kind of policy. Keys that the kind does not know are settings of the game."""

    model_config = ConfigDict(frozen=True, extra="allow")

    format: int
    task: str
    encoding: str

    @property
    def settings(self) -> dict[str, Any]:
        """The game's settings on which the prompts depend."""
        return dict(self.model_extra or {})

    def text(self) -> str:
        """Return the card as JSON; the game and its settings come first."""
        fields = self.model_dump(mode="json")
        head = {name: fields[name] for name in ("format", "task")} | self.settings
        return json.dumps(head | fields, separators=(",", ":")) + "\n"


def encoding_for(card: GameCard, path: Path, task: Task | None) -> Encoding:
    """Return the encoding that a card's policy reads.

    Args:
        card: its card.
        path: the policy's directory, for errors.
        task: the game that it is to play; None for the installed one that the card names.

    Raises:
        UsageError: the policy is for another game or board, or its game is not installed or has no such encoding.
    """
    if task is None:
        task = installed_task(card.task, card.settings)
    if card.task != task.name:
        raise UsageError(f"the policy in {path} was trained for the game {card.task}, found {task.name}; train one for it")
    encoding = task.encoding(card.encoding)
    if dict(encoding.settings) != card.settings:
        trained, found = said(card.settings), said(encoding.settings)
        raise UsageError(f"the policy in {path} was trained for {trained}, found {found}; train one for it")
    return encoding


def said(settings: Mapping[str, Any]) -> str:
    """Return settings as text, for errors."""
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "other settings"
