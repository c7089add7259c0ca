"""Words and short figures that several pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ouroloop.inspect.outline import Outline
from ouroloop.ledger.lock import is_running
from ouroloop.protocols.text import counted

if TYPE_CHECKING:
    from ouroloop.inspect.outline import Entry
    from ouroloop.inspect.page.reading import Opened
    from ouroloop.ledger.steps.start import Measures

WORDS: Final = {"accepted": "accepted", "rejected": "rejected", "rolled_back": "rolled back", "pending": "pending"}
MODES: Final = {
    "reward_refresh": "new rewards",
    "bug_fix": "patches",
    "reward_patch": "penalty terms",
    "meta_learn": "rewards and patches",
}
PHASES: Final = {
    "start": "making the start",
    "observe": "watching the incumbent play",
    "decide": "deciding what to ask for",
    "share": "sharing out the proposals",
    "propose": "asking for proposals",
    "screen": "screening candidates",
    "repair": "asking for repairs",
    "answer": "granting wishes",
    "train": "training under the designed rewards",
    "halve": "comparing trainings",
    "gate": "racing against the incumbent",
    "approval": "asking you about the winner",
    "verdict": "recording verdicts",
    "apply": "committing the winner",
    "attribute": "finding out whose gain it was",
    "watch": "watching accepted builds on fresh games",
    "rollback": "rolling back",
}
"""The part of a step's key that names the phase -> what is going on."""


def going_on(opened: Opened) -> str:
    """Return what a run is doing at the moment, by its last step; empty if nothing is at work in it."""
    if not is_running(opened.folder):
        return ""
    found = opened.report.ledger.latest()
    if found is None:
        return "it has just begun"
    parts = found[0].split("/")
    if not parts[0].isdigit():
        return PHASES.get(parts[0], "at work")
    return f"round {parts[0]}: {PHASES.get(parts[1] if len(parts) > 1 else '', 'at work')}"


def awaited(outline: Outline) -> str:
    """Return which candidates wait for the user's answer; empty if none does."""
    return f"{', '.join(outline.waiting)}: waits for your answer" if outline.waiting else ""


def interval(measures: Measures | None) -> str:
    """Return a score with its interval, with as many decimals as its size needs."""
    if measures is None:
        return ""
    score = measures.score
    places = 1 if max(abs(score.low), abs(score.high)) >= 2 else 3
    return f"{score.mean:.{places}f} [{score.low:.{places}f}, {score.high:.{places}f}]"


def score_path(outline: Outline) -> list[float]:
    """Return the scores of a run's incumbents, in order."""
    first = [] if outline.start_measures is None else [outline.start_measures.score.mean]
    return first + [entry.measures.score.mean for entry in outline.rounds.values() if entry.measures is not None]


def became(entries: list[Entry], lost: int) -> str:
    """Return what became of a round's candidates, in words."""
    counts = {word: sum(one.decision == key for one in entries) for key, word in WORDS.items()}
    said = [f"{count} {word}" for word, count in counts.items() if count]
    return ", ".join(said + ([f"{counted(lost, 'reply')} lost".replace("replys", "replies")] if lost else [])) or "no candidate"


def effect_of(entry: Entry) -> str:
    """Return a candidate's effect with its interval; why there is none if it did not race."""
    if entry.effect is not None:
        return f"{entry.effect.utility:+.3f} [{entry.effect.low:+.3f}, {entry.effect.high:+.3f}]"
    return "not evaluated" if entry.decision != "pending" else ""
