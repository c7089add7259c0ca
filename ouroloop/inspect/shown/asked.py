"""Who was asked in a round, what came of it, what the critic found, and what was lost: lines for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from ouroloop.inspect.document import Asked, Round, RunDocument, Sentence


def asked_lines(entry: Round, *, texts: bool = False) -> list[str]:
    """Return a line for each role that a round asked, one for each reason for a loss, and one for each role not asked.

    Args:
        entry: the round.
        texts: also show how the lost replies begin.
    """
    lines = []
    for one in entry["asked"]:
        cost = f", {one['tokens']} tokens" if one["tokens"] else ""
        cost += f", {one['cost_usd']:.4f} USD" if one["cost_usd"] else ""
        lost = f", {len(one['lost'])} lost" if one["lost"] else ""
        lines.append(f"{_who(one['slot'], one['role'])}: asked for {one['count']}, answered {one['answered']}{lost}{cost}")
        lines += [f"  note: {plain_line(one['note'])}"] if one["note"] else []
        lines += _losses(one, texts)
    for left in entry["not_asked"]:
        lines.append(f"{_who(left['slot'], left['role'])}: not asked, {plain_line(left['reason'])}; {left['remedy']}")
    return lines


def finding_lines(findings: list[Sentence]) -> list[str]:
    """Return a line for each finding of the critic: the share of games or decisions concerned, its name, the evidence."""
    return [f"{finding['weight']:.2f}  {finding['name']}: {finding['evidence']}" for finding in findings]


def troubled_lines(document: RunDocument) -> list[str]:
    """Return what a run lost, cut or did not ask, each line with its round; nothing if all roles were asked and answered."""
    lines = []
    for entry in document["rounds"]:
        told: Round = {**entry, "asked": [one for one in entry["asked"] if one["lost"] or one["note"] or not one["answered"]]}
        lines += [f"round {entry['index']}: {line}" for line in asked_lines(told)]
    return lines


def _who(slot: str, role: str) -> str:
    return f"{slot} ({plain_line(role, 64)})"


def _losses(one: Asked, texts: bool) -> list[str]:
    counts = Counter(plain_line(lost["reason"]) for lost in one["lost"])
    lines = [f"  lost{f' {count} times' if count > 1 else ''}: {reason}" for reason, count in counts.items()]
    if texts:
        lines += [f"  lost text: {plain_line(lost['text'], 400)}" for lost in one["lost"] if lost["text"]]
    return lines
