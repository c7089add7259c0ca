"""Everything that a run's ledger holds about one candidate, as `show --candidate` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.agents.chat import calls_of, text_of
from ouroloop.inspect import document as doc
from ouroloop.inspect.candidate.games import counted_pairs, pairs_of, replay, worst
from ouroloop.ledger.steps import observe, train
from ouroloop.ledger.steps.key import every, number
from ouroloop.ledger.steps.propose import Unanswered, exchanged
from ouroloop.policy.report import alarm_line
from ouroloop.protocols.text import shell_word
from ouroloop.runs.context import transcripts

if TYPE_CHECKING:
    from ouroloop.inspect.run import Report
    from ouroloop.ledger.sqlite import Ledger, Step


def details(report: Report, id: str) -> doc.CandidateDetails:
    """Return a candidate with all that is recorded about it.

    Raises:
        UsageError: the run has no such candidate.
    """
    found, ledger = report.candidate(id), report.ledger
    round, own = found["round"], transcripts(ledger).get(id, ())
    seen, turns = observe.play(round).find(ledger), list(pairs_of(report, round, id))
    lost = worst(turns)
    shown = seen.facts.transcripts if seen else ()
    return {
        **found,
        "findings": report.findings(round),
        "lost_games": list(own or shown),
        "whose_games": "candidate" if own else "incumbent",
        "pairs": counted_pairs(report, round, id, turns),
        "lost_pairs": lost,
        "replay": replay(report, id, lost),
        "training": _stages(ledger, round, id),
        "exchanges": [
            _talk(ledger, step) for pattern in _questions(round, found) for step in ledger.steps(f"{pattern}/chat/*")
        ],
        "undo": f"ouroloop rollback {shell_word(report.folder)} {shell_word(id)}" if found["verdict"] == "accepted" else None,
    }


def _questions(round: int, found: doc.Candidate) -> tuple[str, ...]:
    """Return the patterns of the keys of the questions that a candidate's author was asked."""
    who = found["proposer"] or ("reward" if found["kind"] == "reward" else "patch")
    if found["answers"]:
        return (f"{round}/answer/{who}",)
    return f"{round}/propose/{who}", f"{round}/repair/{who}/*"


def _stages(ledger: Ledger, round: int, id: str) -> list[doc.Stage]:
    """Return the stages of a candidate's training."""
    return [
        {
            "stage": number(key, 2) + 1,
            "health": dict(found.health),
            "alarms": [alarm_line(a.name, a.step, a.value, a.bound, a.meaning, a.severity) for a in found.alarms],
            "stopped": found.stopped,
            "error": found.error,
        }
        for key, found in every(ledger, train.train(round, 0, id), f"{round}/train/*/{id}")
    ]


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
