"""The policies' benchmark as tables and pictures; sections that were not measured are left out.

One short function per section, which is what makes it long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from ouroloop.bench.gate.tables import BAD, OURS, THEIRS, grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Demand = tuple[str, str, str, bool | None]
"""What must be shown, what is asked, what was found, and whether that is enough; None where it was not measured."""


def tables(document: dict[str, Any]) -> list[Table]:
    """Return the tables of all sections that a document holds, what was to be shown first."""
    asked = demands(document)
    found = [asked] if asked.row_count else []
    for name, tables_of in TABLES.items():
        section = document.get(name)
        if section is not None and "missing" not in section:
            found += tables_of(section)
    return [*found, seconds(document)]


def demands(document: dict[str, Any]) -> Table:
    """Return what was to be shown, what was found, and whether that is enough."""
    rows: list[Demand] = []
    for name, demands_of in DEMANDS.items():
        section = document.get(name)
        if section is not None:
            rows += [(name, "", section["missing"], None)] if "missing" in section else demands_of(section)
    marks = {True: "yes", False: "NO", None: "not measured"}
    return grid(("what must be shown", "asked", "found", "met"), ((*row[:3], marks[row[3]]) for row in rows))


def scratch_demands(section: dict[str, Any]) -> list[Demand]:
    """Return the demand on a training from scratch."""
    asked = f">= {section['target']['score']:g} of {section['max_score']} in <= {section['target']['seconds']:g} s"
    return [(f"{side(section)} from scratch", asked, f"{spread(section['score'])} in {section['wall_s']:g} s", section["met"])]


def shipped_demands(section: dict[str, Any]) -> list[Demand]:
    """Return the demands on the shipped policies of a board that others have played."""
    rows = [row for row in section["rows"] if row["anchors"] is not None]
    asked = f">= {section['target']:g}, aim {section['aim']:g}"
    return [(f"{row['policy']} alone, {row['games']} games", asked, spread(row["score"]), row["met"]) for row in rows]


def gain_demands(section: dict[str, Any]) -> list[Demand]:
    """Return the demands on GRPO under three rewards."""
    met, seeds, harmful = section["met"], section["seeds"], section["harmful"]
    gains = {name: share(section[name]["gain"]) for name in ("useful", "useless")}
    cpu = section["start"]["cpu_s"] + section["useful"]["cpu_s"]
    return [
        (f"GRPO from a score of {section['start']['score']:g}", ">= +10%, above 0", gains["useful"], met["useful"]),
        ("  with its start, CPU s", f"<= {section['target']['cpu_s']:g}", f"{cpu:.0f}", met["cpu_s"]),
        ("  under a useless reward", "no gain", gains["useless"], met["useless"]),
        ("  under a harmful one, alarm", f"{seeds} of {seeds}", f"{harmful['rang']} of {seeds}", met["alarm"]),
        ("  its policy at the gate", "rejected", f"{harmful['gate']['rejected']} of {seeds} rejected", met["gate"]),
    ]


def throughput_demands(section: dict[str, Any]) -> list[Demand]:
    """Return the demands on speed."""
    target, met, updates, decisions = (section[key] for key in ("target", "met", "updates", "decisions"))
    faster = decisions["speedup_over_vllm"]
    found = decisions["vllm_missing"] if faster is None else f"{faster:g} times"
    difference = f"{updates['relative_gradient_difference']:g}"
    return [
        ("GRPO updates over TRL's", f">= {target['updates']:g} times", f"{updates['ratio']:g} times", met["updates"]),
        ("  gradients apart, relative", f"<= {target['gradients']:g}", difference, met["gradients"]),
        ("decisions over vLLM's", f">= {target['decisions']:g} times", found, met["decisions"]),
    ]


def failure_demands(section: dict[str, Any]) -> list[Demand]:
    """Return the demand on what goes wrong."""
    clear = sum(row["one_clear_error"] for row in section["rows"])
    return [("failures", "one clear error each", f"{clear} of {len(section['rows'])}", section["all_clear"])]


def gpu_demands(section: dict[str, Any]) -> list[Demand]:
    """Return how long a score took from scratch on a GPU, for which no time is asked."""
    climb = section.get("climb")
    if climb is None:
        return []
    reached = climb["seconds"]
    found = "not reached" if reached is None else f"{reached:g} s"
    return [(f"10 x 10 from scratch on {section['device']}", f"a score of {climb['goal']:g}", found, reached is not None)]


def scratch(section: dict[str, Any]) -> list[Table]:
    """Return the learning curve of a training from scratch."""
    title = (
        f"{side(section)} from scratch: {section['steps']} steps of {section['teacher']}, {section['parameters']} parameters"
    )
    rows = [(step, when, score) for step, when, score in section["curve"]]
    final = f"{spread(section['score'])} over {section['games']} games"
    return [grid(("step", "s", "score"), [*rows, (section["steps"], section["wall_s"], final)], title)]


def shipped(section: dict[str, Any]) -> list[Table]:
    """Return a row for each shipped policy, and those of others."""
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
    """Return what GRPO does to the score under each reward, and what alarms and gate say."""
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


def throughput(section: dict[str, Any]) -> list[Table]:
    """Return states a second of both trainers, and decisions a second of all players by batch."""
    updates, decisions = section["updates"], section["decisions"]
    names = (f"states/s, beside TRL {updates['trl']}", "ours", "TRL's", "ratio", "gradients apart", "states x G")
    rows = [
        (f"{size} x {size}", *board["states_per_s"].values(), board["ratio"], board["relative_difference"], groups(board))
        for size, board in updates["boards"].items()
    ]
    batches = [row["batch"] for row in decisions["decisions_per_cpu_s"]]
    players = [name for name in decisions["decisions_per_cpu_s"][0] if name != "batch"]
    speed = (f"decisions/s by CPU time, {decisions['policy']}", *(f"batch {batch}" for batch in batches), "same moves")
    rates = [
        (name, *(row[name] for row in decisions["decisions_per_cpu_s"]), f"{decisions['same_moves'].get(name, 1):.2%}")
        for name in players
    ]
    return [grid(names, rows), grid(speed, rates)]


def failures(section: dict[str, Any]) -> list[Table]:
    """Return each case with its exit code and what was said."""
    rows = [
        (row["case"], f"{row['exit_code']} ({row['expected_exit_code']})", clear(row), row["said"].removeprefix("ouroloop: "))
        for row in section["rows"]
    ]
    return [grid(("what goes wrong", "exit code (expected)", "clear", "what was said"), rows)]


def distill(section: dict[str, Any]) -> list[Table]:
    """Return size, score and speed of teacher and students."""
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
    """Return what fewer bits cost and gain."""
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
    """Return what PPO and DQN come to."""
    names = (f"in {section['seconds']:g} CPU s", "board", "moves", "score, argmax", "score, sampled", "starved", "CPU s")
    rows = []
    for row in section["rows"]:
        drawn = "" if row["sampled_score"] is None else spread(row["sampled_score"])
        rest = (spread(row["score"]), drawn, f"{row['starved']:.1%}", row["cpu_s"])
        rows.append((row["baseline"].upper(), side(row), row["moves"], *rest))
    return [grid(names, rows)]


def gpu(section: dict[str, Any]) -> list[Table]:
    """Return tokens a second and the share of the chip's peak."""
    names = (f"training on {section['device']}, peak {section['peak_tflops']:g} Tflop/s", "tokens/s", "Tflop/s", "of the peak")
    rows = [(name, row["tokens_per_s"], row["tflops"], f"{row['of_peak']:.3%}") for name, row in section["training"].items()]
    return [grid(names, rows)]


def seconds(document: dict[str, Any]) -> Table:
    """Return how long each section took."""
    return grid(("section", "s"), document["seconds"].items())


def spread(score: dict[str, float]) -> str:
    """Return a mean with its interval."""
    return f"{score['mean']:g} ({score['low']:g} to {score['high']:g})"


def share(gain: dict[str, float]) -> str:
    """Return a relative gain with its interval."""
    return f"{gain['mean']:+.0%} ({gain['low']:+.0%} to {gain['high']:+.0%})"


def side(section: dict[str, Any]) -> str:
    """Return a board as text."""
    return f"{section['size']} x {section['size']}"


def groups(board: dict[str, Any]) -> str:
    """Return the states of a step and the answers in each."""
    return f"{board['states']} x {board['group']}"


def clear(row: dict[str, Any]) -> str:
    """Return whether a case was one clear error, and what was to be kept was kept."""
    lines = "" if row["lines"] == 1 else f", {row['lines']} lines"
    return f"{'yes' if row['one_clear_error'] else 'NO'}{lines}{'' if row['kept'] is not False else ', not kept'}"


TABLES: Final[dict[str, Callable[[dict[str, Any]], list[Table]]]] = {
    "scratch": scratch,
    "shipped": shipped,
    "gain": gain,
    "throughput": throughput,
    "gpu": gpu,
    "failures": failures,
    "distill": distill,
    "quantise": quantise,
    "baselines": baselines,
}
DEMANDS: Final[dict[str, Callable[[dict[str, Any]], list[Demand]]]] = {
    "scratch": scratch_demands,
    "shipped": shipped_demands,
    "gain": gain_demands,
    "throughput": throughput_demands,
    "gpu": gpu_demands,
    "failures": failure_demands,
}


def plot(document: dict[str, Any], path: Path) -> None:
    """Draw what was measured of learning, gain, speed and size to a PNG file; nothing where there is none of it."""
    from matplotlib.figure import Figure

    panels = [(draw, document[name]) for name, draw in PICTURES.items() if name in document and "missing" not in document[name]]
    if not panels:
        return
    rows, columns = -(-len(panels) // 2), min(2, len(panels))
    figure = Figure(figsize=(4.6 * columns, 3.6 * rows), layout="constrained")
    for axis, (draw, section) in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=False):
        draw(axis, section)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    for axis in figure.axes[len(panels) :]:
        axis.remove()
    figure.suptitle(f"ouroloop bench policy, seed {document['seed']}: {document['machine']['processor']}", fontsize=9)
    figure.savefig(path, dpi=110)


def _curve(axis: Axes, section: dict[str, Any]) -> None:
    axis.plot([when for _, when, _ in section["curve"]], [score for *_, score in section["curve"]], "o-", color=OURS)
    axis.axhline(section["target"]["score"], color=THEIRS, linestyle="--", label=f"asked: {section['target']['score']:g}")
    axis.set(xlabel="seconds on one thread", ylabel="mean score", ylim=(0, section["max_score"]))
    axis.set_title(f"{side(section)} from scratch")
    axis.legend(frameon=False)


def _gains(axis: Axes, section: dict[str, Any]) -> None:
    kinds = {"useful": OURS, "useless": "0.5", "harmful": BAD}
    for index, (kind, color) in enumerate(kinds.items()):
        scores = section[kind]["score"]
        axis.plot([index] * len(scores), scores, "o", color=color, alpha=0.7)
    axis.axhline(section["start"]["score"], color=THEIRS, linestyle="--", label="the start")
    axis.set_xticks(range(len(kinds)), list(kinds))
    axis.set(ylabel="mean score after GRPO", ylim=(0, None), title=f"{section['seeds']} seeds, three rewards")
    axis.legend(frameon=False)


def _rates(axis: Axes, section: dict[str, Any]) -> None:
    rows = section["decisions"]["decisions_per_cpu_s"]
    players = [name for name in rows[0] if name != "batch"]
    for name in players:
        color = OURS if name.startswith("ours") else THEIRS if name.startswith("vllm") else "0.5"
        style = "--" if name.endswith("bfloat16") else "-"
        axis.plot([row["batch"] for row in rows], [row[name] for row in rows], f"o{style}", color=color, label=name)
    axis.set(xscale="log", yscale="log", xlabel="batch", ylabel="decisions/s of one core", title="deciding")
    axis.legend(frameon=False, fontsize=7)


def _sizes(axis: Axes, section: dict[str, Any]) -> None:
    for index, row in enumerate(section["rows"]):
        color = THEIRS if index == 0 else OURS
        axis.scatter(row["decisions_per_s"], row["score"]["mean"], s=400 * row["mb"], color=color, alpha=0.5)
        axis.annotate(
            row["policy"],
            (row["decisions_per_s"], row["score"]["mean"]),
            (-6, 5),
            textcoords="offset points",
            fontsize=7,
            ha="right",
        )
    axis.set(xlabel="decisions/s of one core", ylabel="mean score", title="distilled: size, score, speed")
    axis.margins(0.35, 0.25)


PICTURES: Final[dict[str, Callable[[Any, dict[str, Any]], None]]] = {
    "scratch": _curve,
    "gain": _gains,
    "throughput": _rates,
    "distill": _sizes,
}
"""Sections that are drawn, in the order of the panels."""
