"""A lens on a player: it adds to a moment what in the position speaks for its move."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.policy.saliency.names import TITLES
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.inspect.contender import Contender
    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.records import Moment


class Lens:
    """Shows what in a position speaks for a move.

    Args:
        player: whose moves are looked at.
        method: one of `names.TITLES`.

    Raises:
        UsageError: the player is no language policy.
    """

    def __init__(self, player: Contender, method: str) -> None:
        """Keep the policy."""
        self._policy, self.method = policy_of(player), method

    def __call__(self, moment: Moment) -> Moment:
        """Return a moment with its heat; the end of a game, which has no move, as it is.

        Raises:
            UsageError: nothing says which token of the prompt speaks of which cell.
        """
        if moment.action is None:
            return moment
        from ouroloop.policy.saliency.explaining import explain

        found = explain(self._policy, moment.seen, self.method, np.array([moment.action]))
        return replace(moment, heat=tuple(found.heat[0].tolist()), lens=TITLES[self.method])


def policy_of(player: Contender) -> LanguagePolicy:
    """Return the language policy that plays. Raises UsageError if none does."""
    policy: LanguagePolicy | None = getattr(player.player, "policy", None)
    if policy is None:
        raise UsageError(f"{player.name} is no language policy, so no prompt decides its moves: name one by --policy")
    return policy
