"""Everything that a run's ledger holds about one candidate, as `show --candidate` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.inspect import document as doc
from ouroloop.inspect.candidate.games import counted_pairs, pairs_of, replay, worst
from ouroloop.inspect.candidate.talks import talks
from ouroloop.ledger.steps import observe, train
from ouroloop.ledger.steps.key import every, number
from ouroloop.policy.report import alarm_line
from ouroloop.protocols.text import shell_word
from ouroloop.runs.context import transcripts

if TYPE_CHECKING:
    from ouroloop.inspect.run import Report
    from ouroloop.ledger.sqlite import Ledger


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
        "exchanges": talks(ledger, round, found),
        "undo": f"ouroloop rollback {shell_word(report.folder)} {shell_word(id)}" if found["verdict"] == "accepted" else None,
    }


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
