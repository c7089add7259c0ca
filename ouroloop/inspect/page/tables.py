"""The tables of a run as rows, and as CSV. They come from its outline, so that long runs are as quick as on the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from ouroloop.inspect.outline import Outline

FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
Row: TypeAlias = Mapping[str, object]


def rounds(outline: Outline) -> Iterator[Row]:
    """Yield a row per round."""
    for index, entry in sorted(outline.rounds.items()):
        found = [one.decision for one in outline.of_round(index)]
        score = None if entry.measures is None else entry.measures.score
        yield {
            "round": index,
            "mode": entry.mode,
            "candidates": len(found),
            "accepted": found.count("accepted"),
            "rolled_back": found.count("rolled_back"),
            "rejected": found.count("rejected"),
            "lost": entry.lost,
            "owner": None if entry.shares is None else entry.shares.owner,
            "gain": None if entry.shares is None else entry.shares.total.estimate,
            "gain_low": None if entry.shares is None else entry.shares.total.low,
            "gain_high": None if entry.shares is None else entry.shares.total.high,
            "score": None if score is None else score.mean,
            "score_low": None if score is None else score.low,
            "score_high": None if score is None else score.high,
            "tokens": entry.tokens,
            "cost_usd": entry.cost_usd,
        }


def candidates(outline: Outline) -> Iterator[Row]:
    """Yield a row per candidate, in the order proposed."""
    for one in outline.candidates.values():
        effect = one.effect
        yield {
            "round": one.round,
            "id": one.id,
            "kind": one.kind,
            "role": one.role,
            "proposer": one.proposer,
            "verdict": one.decision,
            "layer": one.layer,
            "reason": one.reason,
            "effect": None if effect is None else effect.utility,
            "low": None if effect is None else effect.low,
            "high": None if effect is None else effect.high,
            "games": None if effect is None else effect.games,
            "e_value": one.e_value,
            "alpha": one.alpha,
            "rationale": one.rationale,
        }


def changes(outline: Outline) -> Iterator[Row]:
    """Yield a row per change of the incumbent."""
    for turn in outline.turns:
        yield {
            "round": turn.round or None,
            "what": turn.kind,
            "candidate": turn.candidate,
            "by_hand": turn.by_hand,
            "reason": turn.reason,
            "policy": turn.build.policy,
            "reward": turn.build.reward,
            "controller": turn.build.controller,
        }


TABLES: Final[Mapping[str, Callable[[Outline], Iterator[Row]]]] = {
    "rounds": rounds,
    "candidates": candidates,
    "changes": changes,
}


def csv_of(rows: Iterator[Row]) -> str:
    """Return rows as CSV. A text that a spreadsheet would take for a formula begins with an apostrophe."""
    out, first = io.StringIO(), next(rows, None)
    if first is None:
        return ""
    writer = csv.DictWriter(out, list(first), lineterminator="\n")
    writer.writeheader()
    writer.writerow(_cells(first))
    writer.writerows(map(_cells, rows))
    return out.getvalue()


def _cells(row: Row) -> dict[str, object]:
    return {key: safe_cell(value) if isinstance(value, str) else value for key, value in row.items()}


def safe_cell(value: str) -> str:
    """Return a text as one line; one that a spreadsheet would take for a formula begins with an apostrophe."""
    line = plain_line(value, 2000)
    return f"'{line}" if line.lstrip(" ;,\t").startswith(FORMULA) else line
