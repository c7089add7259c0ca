"""Propose: the roles' replies, the exchanges with their models, and the candidates of a round."""

from __future__ import annotations

from dataclasses import dataclass

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key, every, part
from ouroloop.protocols.messages import PatchReply, RewardReply
from ouroloop.protocols.records import Candidate


@dataclass(frozen=True, slots=True)
class Proposed:
    """A round's candidates, in the order they were proposed."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A chat model's text, and the tokens that the endpoint counted."""

    text: str
    tokens_in: int
    tokens_out: int


def reward(round: int) -> Key[RewardReply]:
    """Return the step in which the reward designer answers."""
    return Key(f"{round}/propose/reward", "reward.design", RewardReply)


def patch(round: int) -> Key[PatchReply]:
    """Return the step in which the code patcher answers."""
    return Key(f"{round}/propose/patch", "patch.propose", PatchReply)


def candidates(round: int) -> Key[Proposed]:
    """Return the step that lists the round's candidates."""
    return Key(f"{round}/propose/all", "run.candidates", Proposed)


def rounds(ledger: Ledger) -> int:
    """Return the number of rounds whose candidates are recorded."""
    return sum(1 for _ in every(ledger, candidates(0)))


def chat(question: str, index: int) -> Key[Exchange]:
    """Return the step of exchange number `index` with a role's chat model; `question` is the key of the role's question."""
    return Key(f"{question}/chat/{index}", "chat.complete", Exchange)


def payer(key: str) -> str:
    """Return who used an exchange's tokens, from its key: `reward`, `patch` or `diagnose`."""
    return part(key, 2)
