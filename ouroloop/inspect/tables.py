"""A run's document (`show --json`) as pandas frames. An empty frame has the same columns and types as a full one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ouroloop.inspect.document import latest
from ouroloop.inspect.history import Row, history
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    import pandas as pd

    from ouroloop.inspect.document import Candidate, Played, Round, RunDocument

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
BUILD: Final[tuple[Literal["policy", "reward", "controller"], ...]] = ("policy", "reward", "controller")
UNCHANGED: Final[Row] = {"round": "", "best": "", "reward": "-", "lines": 0, "gain": "-", "owner": "-"}
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
    played, stands = _incumbents(document), [True, *(entry["stands"] for entry in document["rounds"])]
    rows = [_played(at, plays, change) for (at, plays), change in zip(played, history(document), strict=True)]
    frame = _frame(rows, HISTORY)
    return frame.assign(best=frame["score"].where(stands).cummax().ffill())


def incumbent_row(document: RunDocument) -> pd.Series[Any] | None:
    """Return the build that plays now, in the columns of the history; None before it has been scored.

    `round` is the last one that it came out of. It is NA for the start, and for a build that a rollback by hand has made.
    """
    now = latest(document)
    if now is None:
        return None
    at, change = next(
        (
            (round, change)
            for (round, plays), change in reversed(list(zip(_incumbents(document), history(document), strict=True)))
            if plays and all(plays[part] == now[part] for part in BUILD)
        ),
        (None, UNCHANGED),
    )
    best = history_frame(document)["best"].iloc[-1]
    return _frame([{**_played(at, now, change), "best": best}], HISTORY).iloc[0]


def _incumbents(document: RunDocument) -> list[tuple[int | None, Played | None]]:
    """Return what played at the start and after each round, with the number of the round."""
    return [(None, document["start"]), *((entry["index"], entry["incumbent"]) for entry in document["rounds"])]


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
