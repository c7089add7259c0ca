"""The benchmarks of Snake as tables: engine, planner, teachers and encodings."""

from __future__ import annotations

from typing import Any

from rich.table import Table


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
    """Return the properties of each encoding's prompts, one table per board size, and how well models learn from them."""
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
    return [*out, learnt]


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


def numbers(row: dict[str, float]) -> list[str]:
    """Return the first three figures of a row as text."""
    return [f"{value:g}" for value in row.values() if isinstance(value, float)][:3]


def ratio_table(ratios: dict[str, float]) -> Table:
    """Return ratios to the peers."""
    table = Table("ours over the peer's", "ratio", pad_edge=False)
    for name, value in ratios.items():
        table.add_row(name, f"{value:g}")
    return table
