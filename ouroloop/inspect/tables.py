"""A run's document (`show --json`) as pandas frames. An empty frame has the same columns and types as a full one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from ouroloop.inspect.history import history
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    import pandas as pd

    from ouroloop.inspect.document import Candidate, Played, Round, RunDocument
    from ouroloop.inspect.history import Row

Cells: TypeAlias = Mapping[str, object]
"""A row of a frame: column -> value."""
TEXT, COUNT, FIGURE = None, "Int64", "float64"
"""Column types; a count may be missing."""
PARTS: Final = ("reward", "code", "interaction")
VERDICTS: Final = ("accepted", "rejected", "rolled_back")
ROUNDS: Final = {
    "round": COUNT,
    "mode": TEXT,
    "why": TEXT,
    "candidates": COUNT,
    **dict.fromkeys(VERDICTS, COUNT),
    "owner": TEXT,
    **{f"{part}_gain": FIGURE for part in PARTS},
}
CANDIDATES: Final = {
    "round": COUNT,
    **dict.fromkeys(("id", "kind", "role", "verdict", "layer", "reason"), TEXT),
    **dict.fromkeys(("effect", "low", "high"), FIGURE),
    "games": COUNT,
    **dict.fromkeys(("e_value", "alpha"), FIGURE),
    "rationale": TEXT,
}
HISTORY: Final = {
    "round": COUNT,
    **dict.fromkeys(("score", "low", "high", "best", "win_rate", "path_optimality", "utility"), FIGURE),
    "reward_change": TEXT,
    "patch_lines": COUNT,
    **dict.fromkeys(("policy", "reward", "controller"), TEXT),
}


def rounds_frame(document: RunDocument) -> pd.DataFrame:
    """Return one row per round."""
    return _frame([_round(entry) for entry in document["rounds"]], ROUNDS)


def candidates_frame(document: RunDocument) -> pd.DataFrame:
    """Return one row per candidate, in the order proposed."""
    return _frame([_candidate(r["index"], c) for r in document["rounds"] for c in r["candidates"]], CANDIDATES)


def history_frame(document: RunDocument) -> pd.DataFrame:
    """Return one row for the start, with a round of NA, and one row per round."""
    if not document["start"]:
        return _frame([], HISTORY)
    played: list[tuple[int | None, Played | None]] = [(None, document["start"])]
    played += [(entry["index"], entry["incumbent"]) for entry in document["rounds"]]
    changes = history(document)
    rows = [_played(at, plays, change) for (at, plays), change in zip(played, changes, strict=True)]
    frame = _frame(rows, HISTORY)
    return frame.assign(best=frame["score"].cummax())


def _round(entry: Round) -> Cells:
    met = [c["verdict"] for c in entry["candidates"]]
    shares: Cells = {**(entry["attribution"] or {})}
    return {
        **{"round": entry["index"], "mode": entry["mode"], "why": entry["why"], "candidates": len(met)},
        **{verdict: met.count(verdict) for verdict in VERDICTS},
        "owner": shares.get("owner"),
        **{f"{part}_gain": shares.get(part) for part in PARTS},
    }


def _candidate(round: int, found: Candidate) -> Cells:
    effect: Cells = {**(found["effect"] or {})}
    bounds = {
        "effect": effect.get("utility"),
        "low": effect.get("low"),
        "high": effect.get("high"),
        "games": effect.get("games"),
    }
    return {**{name: value for name, value in found.items() if name in CANDIDATES}, "round": round, **bounds}


def _played(round: int | None, plays: Played | None, change: Row) -> Cells:
    score: Cells = {**plays["score"]} if plays else {}
    return {
        **{name: value for name, value in (plays or {}).items() if name in HISTORY},
        **{"round": round, "score": score.get("mean"), "low": score.get("low"), "high": score.get("high")},
        **{"reward_change": change["reward"], "patch_lines": change["lines"]},
    }


def _frame(rows: list[Cells], columns: dict[str, str | None]) -> pd.DataFrame:
    """Return rows as a frame of typed columns.

    Raises:
        SurroundingsError: pandas is missing.
    """
    try:
        import pandas as pd
    except ImportError:
        raise SurroundingsError("tables of a run need pandas, which is not installed: pip install pandas") from None
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.astype({name: kind for name, kind in columns.items() if kind is not None})
