"""A run's document (`show --json`) as pandas frames. An empty frame has the same columns and types as a full one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ouroloop.inspect.document import tally
from ouroloop.inspect.history import State, history
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    import pandas as pd

    from ouroloop.inspect.document import Candidate, Round, RunDocument

Cells: TypeAlias = Mapping[str, object]
"""A row of a frame: column -> value."""
TEXT, COUNT, FIGURE = None, "Int64", "float64"
"""Column types; a count may be missing."""
PARTS: Final = ("reward", "code", "interaction")
BECAME: Final = ("candidates", "accepted", "rejected", "rolled_back")
ROUNDS: Final = {
    "round": COUNT,
    "mode": TEXT,
    "why": TEXT,
    **dict.fromkeys(BECAME, COUNT),
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
HISTORY: Final = {
    "kind": TEXT,
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
    """Return one row per state of the run: the start, every round, and every rollback by hand."""
    return _frame([_state(state) for state in history(document)], HISTORY)


def incumbent_row(document: RunDocument) -> pd.Series[Any] | None:
    """Return the build that plays now, in the columns of the history; None before it has been scored.

    `round` is the last one that it came out of. It is NA for the start, and for a build that a rollback by hand has made.
    """
    now, states = document["incumbent"], history(document)
    if now is None or not states:
        return None
    made = [state for state in states if state.played and all(state.played[part] == now[part] for part in BUILD)]
    came = next((state for state in reversed(made) if state.kind != "rollback"), None)
    state = came or replace(states[-1], kind="rollback", round=None, reward="-", lines=0)
    return _frame([_state(replace(state, played=now, best=states[-1].best))], HISTORY).iloc[0]


def _round(entry: Round) -> Cells:
    met = tally(entry["candidates"])
    shares: Cells = {**(entry["attribution"] or {})}
    return {
        **{"round": entry["index"], "mode": entry["mode"], "why": entry["why"]},
        **{name: getattr(met, name) for name in BECAME},
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


def _state(state: State) -> Cells:
    score: Cells = {**state.played["score"]} if state.played else {}
    return {
        **{name: value for name, value in (state.played or {}).items() if name in HISTORY},
        **{"kind": state.kind, "round": state.round, "best": state.best},
        **{"score": score.get("mean"), "low": score.get("low"), "high": score.get("high")},
        **{"reward_change": state.reward, "patch_lines": state.lines},
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
