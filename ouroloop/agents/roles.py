"""The table of roles: which places a recipe has for them, what each answers, and who answers where nobody is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ouroloop.protocols.records import Kind


@dataclass(frozen=True, slots=True)
class RoleSlot:
    """A place for a role in a recipe.

    Args:
        name: of its table, `[roles.NAME]`.
        method: what it is asked for, one of `protocols.messages.METHODS`.
        proposes: the kind of candidate that it proposes; None where it proposes none.
        use: the entry point that answers by default.
        chat: the entry point that answers where the recipe names a model; None where there is none.
        count: proposals asked for in a round by default.
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
"""Who proposes candidates of a kind."""


def slot_of(name: str) -> RoleSlot:
    """Return the slot with that name."""
    return next(slot for slot in ROLES if slot.name == name)
