"""What a candidate's author and the author's model wrote to each other about this candidate, out of all of its questions.

A question is about several candidates. Each has a conversation of its own, which the key of an exchange names by its place:
`<question>/chat/<place>/<turn>`. A repaired candidate has one more per attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ouroloop.agents.chat import calls_of, text_of
from ouroloop.inspect import document as doc
from ouroloop.ledger.steps import propose
from ouroloop.ledger.steps.propose import Unanswered, exchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ouroloop.ledger.sqlite import Ledger, Step


@dataclass(frozen=True, slots=True)
class Part:
    """A question, by the text of its key, and which conversation of it is a candidate's; None if nothing tells."""

    question: str
    place: int | None


def talks(ledger: Ledger, round: int, found: doc.Candidate) -> list[doc.Talk]:
    """Return the exchanges about a candidate, in order.

    A role need not keep one conversation for each candidate, as when a designer draws all of them from one space. Where none
    is this candidate's own, all of the question are returned.
    """
    return [talk for part in _parts(ledger, round, found) for talk in _of(ledger, part)]


def _of(ledger: Ledger, part: Part) -> list[doc.Talk]:
    own = [] if part.place is None else list(ledger.steps(f"{part.question}/chat/{part.place}/*"))
    return [_talk(ledger, step) for step in own or ledger.steps(f"{part.question}/chat/*")]


def _parts(ledger: Ledger, round: int, found: doc.Candidate) -> Iterator[Part]:
    """Yield the questions of which a candidate came, with its place in each."""
    who = found["proposer"] or ("reward" if found["kind"] == "reward" else "patch")
    if found["answers"]:
        question = propose.answer(round, who).text
        yield Part(question, _place(ledger, question, "wishes", found["answers"]))
        return
    first, _, attempt = found["id"].partition(".")
    yield Part(propose.ask(round, who).text, _first(ledger, round, who, first))
    for number in range(1, 1 + (int(attempt) if attempt.isascii() and attempt.isdigit() and len(attempt) < 4 else 0)):
        question, before = propose.repair(round, who, number).text, first if number == 1 else f"{first}.{number - 1}"
        yield Part(question, _place(ledger, question, "refused", before))


def _first(ledger: Ledger, round: int, who: str, id: str) -> int | None:
    """Return which proposal of its author's first reply a candidate was, as the author tells it, or else as the order does."""
    listed, reply = propose.candidates(round).find(ledger), propose.ask(round, who).find(ledger)
    mine = [one.id for one in listed.candidates if one.proposer == who] if listed is not None else []
    if reply is None or id not in mine or len(mine) != len(reply.proposals):
        return None
    number = mine.index(id)
    told = reply.proposals[number].place
    return number if told is None else int(told)


def _place(ledger: Ledger, question: str, named: str, id: str) -> int | None:
    """Return the place of a candidate among those that a question names in its params; None if it names it not."""
    step = ledger.step(question)
    params: Any = step.params if step is not None else None
    listed = params.get(named) if isinstance(params, dict) else None
    ids = [one.get("candidate") if isinstance(one, dict) else None for one in listed] if isinstance(listed, list) else []
    return ids.index(id) if id in ids else None


def _talk(ledger: Ledger, step: Step) -> doc.Talk:
    """Return an exchange with a chat model from its step."""
    sent = step.params.get("messages") if isinstance(step.params, dict) else None
    known = [message for message in sent if isinstance(message, dict)] if isinstance(sent, list) else []
    messages = [
        doc.Message(role=str(message.get("role")), content=text_of(message.get("content"), calls_of(message)))
        for message in known
    ]
    said = exchanged(ledger, step)
    reply = None if isinstance(said, Unanswered) else text_of(said.text, said.calls)
    error = None if step.error is None else str(step.error.get("message"))
    return doc.Talk(messages=messages, reply=reply, error=error, tokens_in=said.tokens_in, tokens_out=said.tokens_out)
