"""The table of roles: the slots in a recipe, the method that each answers, and who answers by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ouroloop.protocols.records import Kind


@dataclass(frozen=True, slots=True)
class RoleSlot:
    """A place for a role in a recipe.

    Args:
        name: the name of its table, `[roles.NAME]`.
        method: the method that it answers, one of `protocols.messages.METHODS`.
        proposes: the kind of candidate that it proposes; None if it proposes nothing.
        use: the entry point that answers by default.
        chat: the entry point that answers if the recipe names a model; None if no chat role exists.
        count: the default number of proposals per round.
    """

    name: str
    method: str
    proposes: Kind | None
    use: str
    chat: str | None
    count: int


ROLES: Final = (
    RoleSlot("critic", "critic.diagnose", None, "search-critic", None, 3),
    RoleSlot("reward_designer", "reward.design", "reward", "search-designer", "chat-designer", 6),
    RoleSlot("code_patcher", "patch.propose", "patch", "search-patcher", "chat-patcher", 4),
)
PROPOSERS: Final[dict[Kind, RoleSlot]] = {slot.proposes: slot for slot in ROLES if slot.proposes is not None}
"""Kind of candidate -> the slot that proposes it."""


def slot_of(name: str) -> RoleSlot:
    """Return the slot with that name."""
    return next(slot for slot in ROLES if slot.name == name)
