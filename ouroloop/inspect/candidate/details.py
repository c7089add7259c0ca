"""Everything that a run's ledger holds about one candidate, as `show --candidate` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.inspect import document as doc
from ouroloop.ledger.steps import gate, observe, train
from ouroloop.ledger.steps.key import every
from ouroloop.ledger.steps.propose import chat
from ouroloop.policy.report import alarm_line
from ouroloop.protocols.text import shell_word
from ouroloop.runs.context import transcripts

if TYPE_CHECKING:
    from ouroloop.inspect.run import Report
    from ouroloop.ledger.sqlite import Ledger, Step

ASKED = {"reward": "reward", "patch": "patch", "both": "patch"}
"""Kind of a candidate -> the question that its author answered, as in the keys of `propose`."""


def details(report: Report, id: str) -> doc.CandidateDetails:
    """Return a candidate with all that is recorded about it.

    Raises:
        UsageError: the run has no such candidate.
    """
    found, ledger = report.candidate(id), report.ledger
    round, own = found["round"], transcripts(ledger).get(id, ())
    said, seen = observe.diagnose(round).find(ledger), observe.play(round).find(ledger)
    shown = seen.facts.transcripts if seen else ()
    return {
        **found,
        "findings": [doc.Sentence(name=f.name, weight=f.weight, evidence=f.evidence) for f in (said.findings if said else ())],
        "lost_games": list(own or shown),
        "whose_games": "candidate" if own else "incumbent",
        "pairs": _pairs(ledger, round, id),
        "training": _stages(ledger, round, id),
        "exchanges": [_talk(step) for pattern in _questions(round, found) for step in ledger.steps(f"{pattern}/chat/*")],
        "undo": f"ouroloop rollback {shell_word(report.folder)} {id}" if found["verdict"] == "accepted" else None,
    }


def _questions(round: int, found: doc.Candidate) -> tuple[str, str]:
    """Return the patterns of the keys of the questions that a candidate's author was asked."""
    kind = ASKED[found["kind"]]
    return f"{round}/propose/{kind}", f"{round}/repair/{kind}/*"


def _pairs(ledger: Ledger, round: int, id: str) -> doc.Pairs | None:
    """Count a candidate's paired games by who had the higher utility."""
    count, faults, played = {1: 0, 0: 0, -1: 0}, 0, False
    for _, block in every(ledger, gate.block(round, "patch", 0), f"{round}/gate/*/games/*"):
        if (turn := block.candidates.get(id)) is None:
            continue
        played, faults = True, faults + turn.lost
        for mine, theirs in zip(turn.utility, block.incumbent, strict=False):
            count[(mine > theirs) - (mine < theirs)] += 1
    return doc.Pairs(better=count[1], equal=count[0], worse=count[-1], faults=faults) if played else None


def _stages(ledger: Ledger, round: int, id: str) -> list[doc.Stage]:
    """Return the stages of a candidate's training."""
    return [
        {
            "stage": int(key.split("/")[2]) + 1,
            "health": dict(found.health),
            "alarms": [alarm_line(a.name, a.step, a.value, a.bound, a.meaning, a.severity) for a in found.alarms],
            "stopped": found.stopped,
            "error": found.error,
        }
        for key, found in every(ledger, train.train(round, 0, id), f"{round}/train/*/{id}")
    ]


def _talk(step: Step) -> doc.Talk:
    """Return an exchange with a chat model from its step."""
    sent = step.params.get("messages") if isinstance(step.params, dict) else None
    known = [message for message in sent if isinstance(message, dict)] if isinstance(sent, list) else []
    messages = [doc.Message(role=str(message.get("role")), content=str(message.get("content"))) for message in known]
    if step.error is not None:
        error = str(step.error.get("message"))
        return {"messages": messages, "reply": None, "error": error, "tokens_in": 0, "tokens_out": 0}
    said = chat("", 0, 0).decoded(step.result)
    return doc.Talk(messages=messages, reply=said.text, error=None, tokens_in=said.tokens_in, tokens_out=said.tokens_out)
