"""What a benchmark's document looks like to a person: tables, and a picture of how cost grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from ouroloop.bench.gate import tables as gate_show
from ouroloop.bench.policy import tables as policy_show


def tables(name: str, document: dict[str, Any]) -> Group:
    """Return a benchmark's document as tables."""
    makers = {
        "encodings": encoding_tables,
        "engine": engine_tables,
        "gate": gate_show.tables,
        "plan": plan_tables,
        "policy": policy_show.tables,
        "sandbox": sandbox_tables,
        "teachers": teacher_tables,
    }
    return Group(*makers[name](document))


def engine_tables(document: dict[str, Any]) -> list[Table]:
    """Return rates by batch, the peers' and the ratios."""
    rates = Table("million steps/s of one core, 10x10", "B=1", "B=256", "B=4096", pad_edge=False)
    rates.add_row("fused, random legal moves", *numbers(document["fused"]))
    for kind, row in document["batch_call"].items():
        rates.add_row(f"batch call, board copied out, {kind} actions", *numbers(row))
    single = document["single"]
    rates.add_row("one environment by env.step; by gymnasium.make", f"{single['bare']:g}; {single['made']:g}", "", "")
    for peer, row in document["peers"].items():
        for view, values in row.items():
            if isinstance(values, dict):
                rates.add_row(f"{peer} {row['version']}, {view}", *numbers(values))
        flat = {key: value for key, value in row.items() if isinstance(value, float)}
        if flat:
            rates.add_row(f"{peer} {row['version']}", *numbers(flat))
    return [rates, ratio_table(document["ratios"])]


def encoding_tables(document: dict[str, Any]) -> list[Table]:
    """Return what each encoding's prompts are like, a table for each board size, and what is learnt from them."""
    out = []
    for size, found in document["sizes"].items():
        columns = ("tokens", "range", "varies by", "characters", "general", "at least")
        more = ("vocabulary", "parameters", "smallest", "encodes/s", "decodes/s", "decisions/s")
        table = Table(f"{size} x {size}", *columns, *more, pad_edge=False)
        for name, row in found["encodings"].items():
            tokens, parameters = row["tokens"], row["parameters"]
            table.add_row(
                name,
                f"{tokens['mean']:g}",
                f"{tokens['min']}..{tokens['max']}",
                "constant" if tokens["constant"] else f"{tokens['variation']:.0%}",
                *(f"{row[key]:g}" for key in ("characters", "general_tokens", "general_tokens_least")),
                *(str(number) for number in (row["vocabulary"], parameters["default"], parameters["smallest"])),
                *(f"{row[key]:g}" for key in ("encodes_per_s", "decodes_per_s", "decisions_per_s")),
            )
        out.append(table)
    learning = document["learning"]
    title = f"learnt in {learning['steps']} steps of {learning['batch']}, {learning['size']} x {learning['size']}"
    learnt = Table(title, "teacher", "score", "accuracy", "training, s", pad_edge=False)
    for row in learning["rows"]:
        score = row["score"]
        shown = f"{score['mean']:g} ({score['low']:g} to {score['high']:g})"
        learnt.add_row(row["encoding"], row["teacher"], shown, f"{row['accuracy']:g}", f"{row['training_cpu_s']:g}")
    reference = Table("tokens on 10 x 10", *document["document_tokens_10x10"], pad_edge=False)
    reference.add_row("reference document", *(str(value) for value in document["document_tokens_10x10"].values()))
    return [*out, learnt, reference]


def plan_tables(document: dict[str, Any]) -> list[Table]:
    """Return microseconds by board and planner, and the ratios."""
    out = []
    for teacher in ("astar", "best"):
        for size, found in document[teacher].items():
            share = (
                f"{found['positions']} positions, mean length {found['mean_length']:g}, {found['no_path_share']:.0%} cut off"
            )
            table = Table(f"us, {size} x {size} of {teacher}: {share}", "value", pad_edge=False)
            for mine, value in found["ours"].items():
                table.add_row(f"our {mine}", f"{value:g}")
            for peer, value in found.get("peers", {}).items():
                table.add_row(peer, f"{value:g}")
            if "first_moves_equal_networkx" in found:
                table.add_row("first moves equal to networkx", found["first_moves_equal_networkx"])
            out += [table, ratio_table(found.get("ratios", {}))]
    return out


def teacher_tables(document: dict[str, Any]) -> list[Table]:
    """Return a row for each teacher and board."""
    names = ("teacher", "board", "start", "walls", "games", "score", "boards filled", "steps to fill", "optimality", "us/move")
    table = Table(*names, pad_edge=False)
    for row in document["rows"]:
        steps = "" if row["steps_to_win"] is None else f"{row['steps_to_win']:g} +- {row['steps_to_win_error']:g}"
        table.add_row(
            row["teacher"],
            f"{row['size']} x {row['size']}",
            str(row["start_length"]),
            f"{row['walls']:g}",
            str(row["games"]),
            f"{row['score']['mean']:g} +- {row['score']['error']:g}",
            f"{row['win_rate']:.1%}",
            steps,
            f"{row['path_optimality']:g}",
            f"{row['us_per_move']:g}",
        )
    return [table]


def sandbox_tables(document: dict[str, Any]) -> list[Table]:
    """Return starts and batches, the hostile, and what they cost the next one."""
    boxes = [name for name in ("docker", "wasm") if name in document]
    costs = Table(f"{document['rows']} positions of {document['size']}x{document['size']}", "native", *boxes, pad_edge=False)

    def row(label: str, *path: str) -> None:
        values = [nested(document.get(name, {}), path) for name in ("native", *boxes)]
        costs.add_row(label, *("" if value is None else f"{value:g}" for value in values))

    for label, key in (("cold start, ms", "cold_ms"), ("start from the pool, ms", "warm_ms")):
        row(label, key)
    row("a batch's round trip without act, ms", "round_trip_ms")
    for controller in document["act_alone"]["actions_per_s"]:
        row(f"{controller}: actions/s", "actions_per_s", controller)
        row(f"{controller}: speed over the native worker's", "speed_over_native", controller)
        row(f"{controller}: speed over act alone", "speed_over_act_alone", controller)
    gone = Table("gone after, s (granted; deadline)", *boxes, pad_edge=False)
    for kind in document[boxes[0]]["hostile"]:
        found = [document[name]["hostile"][kind] for name in boxes]
        gone.add_row(kind, *(f"{f['gone_s']:g} ({f['granted_s']:g}; {f['deadline_s']:g})" for f in found))
    after = Table("a healthy session beside 20 hostile ones", *boxes, pad_edge=False)
    for key in document[boxes[0]]["aftermath"]:
        after.add_row(key.replace("_", " "), *(f"{document[name]['aftermath'][key]:g}" for name in boxes))
    rest = Table("static screen, verdicts", "value", pad_edge=False)
    rest.add_row(f"screen of {document['screen']['lines']} lines, ms", f"{document['screen']['total_ms']:g}")
    rest.add_row("verdicts equal", f"{document['verdicts']['equal']} of {document['verdicts']['cases']}")
    return [costs, gone, after, rest]


def nested(value: Any, path: tuple[str, ...]) -> Any:
    """Return what lies at a path of keys; None where it ends early."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def numbers(row: dict[str, float]) -> list[str]:
    """Return the first three figures of a row as text."""
    return [f"{value:g}" for value in row.values() if isinstance(value, float)][:3]


def ratio_table(ratios: dict[str, float]) -> Table:
    """Return ratios to the peers."""
    table = Table("ours over the peer's", "ratio", pad_edge=False)
    for name, value in ratios.items():
        table.add_row(name, f"{value:g}")
    return table


def plot(name: str, document: dict[str, Any], path: Path) -> None:
    """Draw a benchmark's curves to a PNG file; nothing for benchmarks that have none."""
    drawers = {"gate": gate_show.plot, "policy": policy_show.plot}
    if name in drawers:
        drawers[name](document, path)
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves = document.get("growth")
    if not curves:
        return
    labels = {
        "fused_by_size": ("board's side", "million steps/s"),
        "batch_call_by_games": ("games in a batch", "million steps/s"),
        "path": ("board's side", "microseconds"),
        "distance": ("board's side", "microseconds"),
    }
    figure, axes = plt.subplots(1, len(curves), figsize=(5 * len(curves), 3.6))
    for axis, (curve, points) in zip(axes, curves.items(), strict=True):
        axis.plot([int(x) for x in points], list(points.values()), marker="o", color="#3fa058")
        axis.set(xscale="log", xlabel=labels[curve][0], ylabel=labels[curve][1], title=curve.replace("_", " "))
        axis.set_ylim(0, 1.15 * max(points.values()))
        for x, value in points.items():
            text = f"{value:.2g}" if value < 10 else f"{value:.0f}"
            axis.annotate(text, (int(x), value), (0, 6), textcoords="offset points", ha="center", fontsize=7)
        axis.set_xticks([int(x) for x in points], list(points), rotation=45)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.suptitle(f"ouroloop bench {name}: {document['machine']['processor']}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
