"""How well the policies play, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.policy.report.wording import share, side, spread


def scratch(section: dict[str, Any]) -> list[Table]:
    """Return the learning curve of a training from scratch."""
    title = (
        f"{side(section)} from scratch: {section['steps']} steps of {section['teacher']}, {section['parameters']} parameters"
    )
    rows = [(step, when, score) for step, when, score in section["curve"]]
    final = f"{spread(section['score'])} over {section['games']} games"
    return [grid(("step", "s", "score"), [*rows, (section["steps"], section["wall_s"], final)], title)]


def shipped(section: dict[str, Any]) -> list[Table]:
    """Return a row for each shipped policy, and for other players."""
    names = (
        "policy alone",
        "games",
        "score",
        "of",
        "boards filled",
        "path optimality",
        "steps",
        "starved",
        "MB",
        "decisions/s",
    )
    keys = ("path_optimality", "steps_mean")
    rows: list[Sequence[object]] = []
    for row in section["rows"]:
        filled, starved = f"{row['win_rate']:.1%}", f"{row['starved']:.1%}"
        rest = (starved, row["mb"], row["decisions_per_s"])
        rows.append(
            (row["policy"], row["games"], spread(row["score"]), row["max_score"], filled, *(row[key] for key in keys), *rest)
        )
        rows += [(f"  {name}", "", value) for name, value in (row["anchors"] or {}).items()]
    return [grid(names, rows)]


def gain(section: dict[str, Any]) -> list[Table]:
    """Return what GRPO does to the score under each reward, and the results of alarms and gate."""
    start, seeds = section["start"], section["seeds"]
    title = f"GRPO from a score of {start['score']:g} ({start['sft_steps']} steps of SFT), {seeds} seeds"
    names = ("reward", "scores", "gain", "alarm stops", "at the gate: accepted", "rejected", "by layer", "CPU s")
    rows = []
    for kind in ("useful", "useless", "harmful"):
        found, gate = section[kind], section[kind]["gate"]
        scores = ", ".join(f"{score:.1f}" for score in found["score"])
        layers = ", ".join(f"{layer} {count}" for layer, count in gate["layers"].items())
        verdicts = (gate["accepted"], gate["rejected"], layers)
        rows.append((f"{kind}: {found['reward']}", scores, share(found["gain"]), found["rang"], *verdicts, found["cpu_s"]))
    return [grid(names, rows, title)]


def distill(section: dict[str, Any]) -> list[Table]:
    """Return size, score and speed of the teacher and the students."""
    names = ("distilled", "parameters", "MB", "steps", "CPU s", "score", "boards filled", "decisions/s", "the teacher's move")
    rows = [
        (
            *(row[key] for key in ("policy", "parameters", "mb", "steps", "cpu_s")),
            spread(row["score"]),
            f"{row['win_rate']:.1%}",
            row["decisions_per_s"],
            f"{row['agreement']:.1%}",
        )
        for row in section["rows"]
    ]
    return [grid(names, rows, f"{side(section)}, {section['games']} games")]


def quantise(section: dict[str, Any]) -> list[Table]:
    """Return what fewer bits cost and save."""
    names = ("in fewer bits", "weights in", "MB", "score", "decisions/s", "same moves", "logits apart")
    base = section["base"]
    found = [*section["rows"], *(row | {"policy": f"a base of {base['parameters'] / 1e6:.0f} M"} for row in base["rows"])]
    rows = []
    for row in found:
        score = "" if row["score"] is None else spread(row["score"])
        same = f"{row['agreement']:.1%}"
        rows.append((row["policy"], row["precision"], row["megabytes"], score, row["decisions_per_s"], same, row["deviation"]))
    return [grid(names, rows)]


def baselines(section: dict[str, Any]) -> list[Table]:
    """Return what PPO and DQN reach."""
    names = (f"in {section['seconds']:g} CPU s", "board", "moves", "score, argmax", "score, sampled", "starved", "CPU s")
    rows = []
    for row in section["rows"]:
        drawn = "" if row["sampled_score"] is None else spread(row["sampled_score"])
        rest = (spread(row["score"]), drawn, f"{row['starved']:.1%}", row["cpu_s"])
        rows.append((row["baseline"].upper(), side(row), row["moves"], *rest))
    return [grid(names, rows)]
