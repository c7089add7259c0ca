"""Propose: the roles' replies, the exchanges with their models, and the candidates of a round."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field

from ouroloop.ledger.sqlite import Ledger, Step
from ouroloop.ledger.steps.key import Key, every, part
from ouroloop.protocols.messages import Lost, PatchReply, RewardReply, Trial, Wish
from ouroloop.protocols.prices import Tokens, tokens_of
from ouroloop.protocols.records import Candidate, Kind, ToolCall

Count: TypeAlias = Annotated[int, Field(ge=0, lt=1 << 62)]
"""A number of tokens."""


@dataclass(frozen=True, slots=True)
class AskedRole:
    """One question of a round, and what came of it.

    Args:
        role: the role's own name.
        slot: its table in the recipe, `[roles.SLOT]`.
        method: the method that it was asked.
        count: the number of answers asked for.
        answered: the number of candidates that it gave; for a critic, 1 if it gave a diagnosis.
        lost: the replies that yielded nothing.
        tokens: used by its exchanges with a model.
        cost_usd: their price.
        note: the role's own line on its reply, such as why it is shorter than asked for.
        proposer: its name as a proposer, see `agents.settings.Roles`; empty for a critic.
    """

    role: str
    slot: str
    method: str
    count: int
    answered: int
    lost: tuple[Lost, ...]
    tokens: int
    cost_usd: float
    note: str = ""
    proposer: str = ""


@dataclass(frozen=True, slots=True)
class UnaskedRole:
    """A role that a round did not ask, though the recipe wants proposals of it: the reason, and how to have it asked."""

    role: str
    slot: str
    method: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """A round's candidates, in the order they were proposed, and the roles that were asked or not."""

    candidates: tuple[Candidate, ...]
    asked: tuple[AskedRole, ...] = ()
    unasked: tuple[UnaskedRole, ...] = ()
    wishes: dict[str, Wish] = field(default_factory=dict)
    """What the authors of patches want of a designer, by the id of the candidate."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a user proposes for the next round: a candidate that has no id yet."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Shared:
    """How many proposals of a round each proposer of a kind is asked for, in the recipe's order."""

    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A chat model's reply; see `agents.chat.ChatReply`."""

    text: str
    tokens_in: Count
    tokens_out: Count
    finish: Literal["stop", "length"] = "stop"
    cached: Count = 0
    stored: Count = 0
    calls: tuple[ToolCall, ...] = ()

    @property
    def tokens(self) -> Tokens:
        """What the exchange used."""
        return tokens_of(self.tokens_in, self.tokens_out, self.cached, self.stored)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The tokens of an exchange that brought no answer: `used` in the data of its recorded error, none if that is missing."""

    tokens_in: Count = 0
    tokens_out: Count = 0
    cached: Count = 0
    stored: Count = 0

    @property
    def tokens(self) -> Tokens:
        """What the exchange used."""
        return tokens_of(self.tokens_in, self.tokens_out, self.cached, self.stored)


def by_hand(count: int) -> Key[ByHand]:
    """Return the step in which a user proposes a candidate; `count` is the number of such steps before it."""
    return Key(f"manual/{count}/propose", "run.propose", ByHand)


def all_by_hand(ledger: Ledger) -> list[Candidate]:
    """Return all that users have proposed in a run, in order; the rounds took the first of them in the same order."""
    return [found.candidate for _, found in every(ledger, by_hand(0))]


def share(round: int, kind: Kind) -> Key[Shared]:
    """Return the step that shares a round's proposals of a kind among their proposers."""
    return Key(f"{round}/share/{kind}", "run.share", Shared)


def ask(round: int, proposer: str) -> Key[Any]:
    """Return the step in which a proposer answers; its name begins with the kind that it proposes."""
    return _asked(f"{round}/propose/{proposer}", proposer)


def repair(round: int, proposer: str, attempt: int) -> Key[Any]:
    """Return the step in which a proposer repairs what the screen refused of its candidates; `attempt` counts from 1."""
    return _asked(f"{round}/repair/{proposer}/{attempt}", proposer)


def answer(round: int, proposer: str) -> Key[Any]:
    """Return the step in which a designer grants the wishes of patchers."""
    return _asked(f"{round}/answer/{proposer}", proposer)


HAND: Final = {"reward": "reward.hand", "patch": "patch.hand"}
"""The kind of a candidate -> the name of a user as its proposer. A pair counts as a patch, as do those of the roles."""


def kind_of(proposer: str) -> Kind:
    """Return the kind of candidate that a proposer is asked for, from its name."""
    return "reward" if proposer.partition(".")[0] == "reward" else "patch"


def _asked(text: str, proposer: str) -> Key[Any]:
    if kind_of(proposer) == "reward":
        return Key(text, "reward.design", RewardReply)
    return Key(text, "patch.propose", PatchReply)


def candidates(round: int) -> Key[Proposed]:
    """Return the step that lists the round's candidates, without the repaired ones."""
    return Key(f"{round}/propose/all", "run.candidates", Proposed)


def repaired(round: int, attempt: int) -> Key[Proposed]:
    """Return the step that lists the candidates of one attempt at repairs."""
    return Key(f"{round}/repair/all/{attempt}", "run.candidates", Proposed)


def answered(round: int) -> Key[Proposed]:
    """Return the step that lists the candidates in which a designer granted a wish."""
    return Key(f"{round}/answer/all", "run.candidates", Proposed)


def proposed(ledger: Ledger, round: int) -> Proposed:
    """Return all that was proposed in a round, with repairs and granted wishes. Raises LedgerError if nothing is recorded."""
    first = candidates(round).read(ledger)
    more = [found for _, found in every(ledger, candidates(0), f"{round}/repair/all/*")]
    more += [found for found in (answered(round).find(ledger),) if found is not None]
    return Proposed(
        first.candidates + tuple(one for each in more for one in each.candidates),
        first.asked + tuple(one for each in more for one in each.asked),
        first.unasked,
        {id: wish for each in (first, *more) for id, wish in each.wishes.items()},
    )


def rounds(ledger: Ledger) -> int:
    """Return the number of rounds whose candidates are recorded."""
    return sum(not step.failed for step in ledger.steps("*/propose/all", (candidates(0).method,)))


def all_rounds(ledger: Ledger) -> list[Proposed]:
    """Return what was proposed in each round so far; each attempt at repairs counts for itself."""
    return [found for _, found in every(ledger, candidates(0))]


def tokens(ledger: Ledger, question: str) -> Tokens:
    """Return the tokens that the exchanges of one question used."""
    steps = ledger.steps(f"{question}/chat/*", (chat("", 0, 0).method,))
    return sum((exchanged(ledger, step).tokens for step in steps), Tokens())


def exchanged(ledger: Ledger, step: Step) -> Exchange | Unanswered:
    """Return the exchange of a step, or what one without an answer used. Raises LedgerError if it is of another form."""
    if step.error is None:
        return chat("", 0, 0).of(ledger, step)
    data = step.error.get("data")
    used = data.get("used", {}) if isinstance(data, dict) else {}
    return Key("", "", Unanswered).of_result(ledger, step.key, used)


def chat(question: str, place: int, turn: int) -> Key[Exchange]:
    """Return the step of an exchange with a role's chat model.

    Args:
        question: the key of the role's question.
        place: which conversation, e.g. the number of the candidate that it is about.
        turn: the number of the exchange in that conversation.
    """
    return Key(f"{question}/chat/{place}/{turn}", "chat.complete", Exchange)


def trial(question: str, place: int, number: int) -> Key[Trial]:
    """Return the step in which a draft is tried; see `ports.Workshop`."""
    return Key(f"{question}/trial/{place}/{number}", "patch.try", Trial)


def payer(key: str) -> str:
    """Return who was asked, or used an exchange's tokens, from the key: a proposer's name, or `diagnose`."""
    return part(key, 2)
