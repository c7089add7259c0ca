"""A run's document (`show --json`) as pandas frames. A table without rows has the same columns and types as a full one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ouroloop.inspect.history import history
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    import pandas as pd

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


def rounds_frame(document: dict[str, Any]) -> pd.DataFrame:
    """Return one row per round."""
    return _frame([_round(entry) for entry in document["rounds"]], ROUNDS)


def candidates_frame(document: dict[str, Any]) -> pd.DataFrame:
    """Return one row per candidate, in the order proposed."""
    return _frame([_candidate(r["index"], c) for r in document["rounds"] for c in r["candidates"]], CANDIDATES)


def history_frame(document: dict[str, Any]) -> pd.DataFrame:
    """Return one row for the start, whose round is NA, and one per round."""
    if not document["start"]:
        return _frame([], HISTORY)
    played = [(None, document["start"]), *((r["index"], r["incumbent"]) for r in document["rounds"])]
    changes = history(document)
    rows = [_played(at, plays or {}, change) for (at, plays), change in zip(played, changes, strict=True)]
    frame = _frame(rows, HISTORY)
    return frame.assign(best=frame["score"].cummax())


def _round(entry: dict[str, Any]) -> dict[str, Any]:
    met = [c["verdict"] for c in entry["candidates"]]
    shares = entry["attribution"] or {}
    return {
        **{"round": entry["index"], "mode": entry["mode"], "why": entry["why"], "candidates": len(met)},
        **{verdict: met.count(verdict) for verdict in VERDICTS},
        "owner": shares.get("owner"),
        **{f"{part}_gain": shares.get(part) for part in PARTS},
    }


def _candidate(round: int, found: dict[str, Any]) -> dict[str, Any]:
    effect = found["effect"] or {}
    bounds = {
        "effect": effect.get("utility"),
        "low": effect.get("low"),
        "high": effect.get("high"),
        "games": effect.get("games"),
    }
    return {**{name: found[name] for name in CANDIDATES if name in found}, "round": round, **bounds}


def _played(round: int | None, plays: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    score = plays.get("score") or {}
    return {
        **{name: plays.get(name) for name in HISTORY},
        **{"round": round, "score": score.get("mean"), "low": score.get("low"), "high": score.get("high")},
        **{"reward_change": change["reward"], "patch_lines": change["lines"]},
    }


def _frame(rows: list[dict[str, Any]], columns: dict[str, str | None]) -> pd.DataFrame:
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
