"""How many replies of its model a role may need for one proposal, and so how many proposals it may be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ouroloop.agents.roles import PROPOSERS
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.messages import PROPOSALS
from ouroloop.runs.exchanges import MOST
from ouroloop.sheltered import Fault, sheltered

if TYPE_CHECKING:
    from ouroloop.agents.settings import Roles
    from ouroloop.protocols.ports import Role

TURNS: Final = 64
"""The most replies of its model that a role may ask time for, for one proposal."""


def turns(role: Role) -> int:
    """Return how many replies of its model a role may need for one proposal, its attribute `turns`; 1 by default."""
    with suppress(Fault):
        found = sheltered(lambda: getattr(role, "turns", 1))
        return found if type(found) is int and 0 < found <= TURNS else 1
    return 1


def most_proposals(role: Role) -> int:
    """Return the most proposals for which one question may ask a role."""
    return min(PROPOSALS, MOST // turns(role))


def check_turns(roles: Roles, built: Mapping[str, Role]) -> None:
    """Refuse a model that would be asked more often for one question than is allowed.

    Args:
        roles: the roles of a recipe.
        built: the role of each proposer, by name.

    Raises:
        UsageError: `count` times `turns` is too large.
    """
    for kind, slot in PROPOSERS.items():
        several = len(roles.of(slot)) > 1
        for place, (name, settings) in enumerate(roles.proposers(kind).items(), 1):
            each = turns(built[name])
            if settings.model is not None and settings.count * each > MOST:
                raise UsageError(
                    f"roles.{slot.name}{f'.{place}' if several else ''}: count = {settings.count} with turns = {each} asks its "
                    f"model up to {settings.count * each} times for one question, at most {MOST} are allowed: lower one of them"
                )
