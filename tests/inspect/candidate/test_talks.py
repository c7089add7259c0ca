"""Which exchanges are about a candidate: its own conversation, not those of the others of one question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ouroloop.inspect.candidate.talks import talks
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps import propose
from ouroloop.ledger.steps.propose import Exchange, Proposed, chat
from ouroloop.protocols.messages import PatchProposal, PatchReply, RewardProposal, RewardReply
from ouroloop.protocols.records import Candidate


def candidate(id: str, proposer: str = "patch") -> Candidate:
    return Candidate(id, "r", "why", "text", None, None, proposer)


def found(id: str, proposer: str = "patch", answers: str | None = None) -> Any:
    kind = "both" if "both" in id else "reward" if "reward" in id else "patch"
    return {"id": id, "proposer": proposer, "kind": kind, "answers": answers}


def said(ledger: Ledger, question: str, place: int, *texts: str) -> None:
    for turn, text in enumerate(texts):
        sent = {"messages": [{"role": "user", "content": "?"}], "seed": place}
        chat(question, place, turn).record(ledger, sent, Exchange(text, 1, 1))


def replies(ledger: Ledger, *given: tuple[Any, ...]) -> list[str | None]:
    return [talk["reply"] for talk in talks(ledger, *given)]


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    """A round with two proposers of patches, repairs of the second one's first candidate, and a granted wish."""
    made = Ledger(tmp_path / "ledger.sqlite", "create")
    listed = ("r1-patch1", "patch"), ("r1-patch2", "patch.2"), ("r1-patch3", "patch.2")
    propose.candidates(1).record(made, {}, Proposed(tuple(candidate(*one) for one in listed)))
    for who, places in (("patch", [None]), ("patch.2", [2, 0])):  # its second conversation came to nothing
        reply = PatchReply(proposals=tuple(PatchProposal(text="t", rationale="w", place=place) for place in places))
        propose.ask(1, who).record(made, {"count": 3}, reply)
    said(made, "1/propose/patch", 0, "alone")
    for place, texts in enumerate([("third",), ("lost",), ("second", "again")]):
        said(made, "1/propose/patch.2", place, *texts)
    for attempt, (before, other) in enumerate([("r1-patch3", "r1-patch2"), ("r1-patch3.1", "r1-patch2.1")], 1):
        asked = {"refused": [{"candidate": before}, {"candidate": other}]}
        propose.repair(1, "patch.2", attempt).record(made, asked, PatchReply(proposals=()))
        for place, whose in enumerate(("third", "second")):
            said(made, f"1/repair/patch.2/{attempt}", place, f"{whose} repaired {attempt}")
    propose.answer(1, "reward").record(
        made, {"wishes": [{"candidate": "x"}, {"candidate": "r1-patch2"}]}, RewardReply(proposals=())
    )
    for place, text in enumerate(("for x", "for patch2")):
        said(made, "1/answer/reward", place, text)
    yield made
    made.close()


def test_a_candidate_has_its_own_conversation_alone(ledger: Ledger) -> None:
    assert replies(ledger, 1, found("r1-patch1")) == ["alone"]
    assert replies(ledger, 1, found("r1-patch2", "patch.2")) == ["second", "again"]
    assert replies(ledger, 1, found("r1-patch3", "patch.2")) == ["third"]


def test_a_repaired_one_has_that_of_what_was_refused_and_those_of_its_repairs(ledger: Ledger) -> None:
    assert replies(ledger, 1, found("r1-patch3.1", "patch.2")) == ["third", "third repaired 1"]
    assert replies(ledger, 1, found("r1-patch2.2", "patch.2")) == [
        "second",
        "again",
        "second repaired 1",
        "second repaired 2",
    ]


def test_a_granted_wish_has_that_of_the_designer(ledger: Ledger) -> None:
    assert replies(ledger, 1, found("r1-both2", "reward", "r1-patch2")) == ["for patch2"]


def test_where_nothing_tells_which_is_its_own_all_of_the_question_are_shown(ledger: Ledger) -> None:
    assert replies(ledger, 1, found("r1-patch9", "patch.2")) == ["third", "lost", "second", "again"]
    said(ledger, "1/propose/reward", 0, "a space of all of them")
    both = (candidate("r2-reward1", "reward"), candidate("r2-reward2", "reward"))
    propose.candidates(2).record(ledger, {}, Proposed(both))
    said(ledger, "2/propose/reward", 0, "a space of both")
    specs = tuple(RewardProposal(spec="{}", rationale="w", place=place) for place in (0, 1))
    propose.ask(2, "reward").record(ledger, {}, RewardReply(proposals=specs))
    assert replies(ledger, 2, found("r2-reward2", "reward")) == ["a space of both"]
