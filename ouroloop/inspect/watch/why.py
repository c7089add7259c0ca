"""What a language base says of its own moves, and how much of it the moves bear out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.inspect.watch.lens import policy_of
from ouroloop.protocols.text import counted, plain_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.inspect.contender import Contender
    from ouroloop.policy.saliency.rationales import Rationale
    from ouroloop.protocols.canonical import Json, JsonObject
    from ouroloop.protocols.records import Moment

SHOWN: Final = 400
"""Most characters of a reason in a line."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for one move.

    Args:
        move: the number of the move, from 0.
        action: what was played, by name.
        told: the text and its claims.
    """

    move: int
    action: str
    told: Rationale

    def line(self) -> str:
        """Return it as a line of text: the move, the reason, and which of its claims hold."""
        claims = ", ".join(
            f"{'not ' if claim.denied else ''}{claim.about}: {'holds' if claim.holds else 'does not hold'}"
            for claim in self.told.claims
        )
        return f"move {self.move}, {self.action}: {plain_line(self.told.text, SHOWN)!r} ({claims or 'nothing to check'})"

    def document(self) -> JsonObject:
        """Return it as `watch --json` prints it."""
        told = self.told
        claims: list[Json] = [asdict(claim) for claim in told.claims]
        return {"move": self.move, "action": self.action, "text": told.text, "agreement": told.agreement, "claims": claims}


def require_reasons(player: Contender) -> None:
    """Refuse a player that cannot give reasons, before it plays.

    Raises:
        UsageError: it is no language policy, or its tokenizer has no words.
    """
    from ouroloop.policy.saliency.rationales import require_words

    require_words(policy_of(player))


def reasons_of(player: Contender, seed: int, moves: Sequence[Moment], most: int) -> list[Reason]:
    """Ask a player why it made some moves of a game, evenly spread, and check what it says.

    Args:
        player: who played.
        seed: the game's own seed.
        moves: the moments before each move of that game.
        most: how many of them to ask about.

    Raises:
        UsageError: the player is no language policy, or its tokenizer has no words.
    """
    from ouroloop.policy.saliency.rationales import rationales

    policy = policy_of(player)
    rows = np.unique(np.linspace(0, len(moves) - 1, min(most, len(moves))).round().astype(np.int64))
    features = _features(player, seed, moves)[rows]
    actions = tuple(player.task.actions)
    found = []
    for row, values in zip(rows.tolist(), features, strict=True):
        moment = moves[row]
        made = np.array([moment.action])
        named = {name: values[[column]] for column, name in enumerate(player.task.features)}
        (told,) = rationales(policy, moment.seen, made, actions, named)
        found.append(Reason(moment.steps, actions[int(made[0])], told))
    return found


def _features(player: Contender, seed: int, moves: Sequence[Moment]) -> NDArray[np.float32]:
    """Return the reward features of each move: (moves, F). The game is played again, since it follows from its seed."""
    engine = player.task.engine(np.array([seed], dtype=np.uint64))
    return np.concatenate([engine.step_features(np.array([moment.action])) for moment in moves])


def summary(reasons: Sequence[Reason]) -> str:
    """Return how many claims of all reasons hold, as a line of text."""
    claims = [claim for reason in reasons for claim in reason.told.claims]
    said = f"{counted(len(reasons), 'reason')}, {counted(len(claims), 'claim')} in them that can be checked"
    return f"{said}: {sum(claim.holds for claim in claims)} hold" if claims else said
