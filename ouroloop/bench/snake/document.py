"""Snake engines in numbers: the medians of every way to play, and the document that holds them."""

from __future__ import annotations

import statistics
from typing import Any

from ouroloop.bench.snake.actions import ACTIONS
from ouroloop.bench.snake.ways import BATCHES, SIZE
from ouroloop.bench.timing import Rates, cpu_share, significant


def document(rates: dict[str, Rates], shares: dict[str, float], heard: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the figures by what they measure, and the ratios to the peers."""

    def rate(name: str) -> float:
        return significant(rates[name].median / 1e6)

    ours: dict[str, Any] = {
        "fused": {str(games): rate(f"fused {games}") for games in BATCHES},
        "batch_call": {kind: {str(games): rate(f"batch {kind} {games}") for games in BATCHES} for kind in ACTIONS},
        "single": {kind: rate(f"single {kind}") for kind in ("bare", "made")},
    }
    found: dict[str, Any] = {
        "unit": "million steps per second of one core",
        "size": SIZE,
        **ours,
        "batch_call_ends": {name: significant(share) for name, share in shares.items()},
        "cpu_share": cpu_share(rates),
        "peers": {},
        "ratios": {},
    }
    if heard["puffer"]:
        peer = {view: median_of(heard["puffer"], "c_step_per_cpu_second", view) for view in ("obs9", "obs121")}
        found["peers"]["pufferlib"] = {"version": heard["puffer"][0]["version"], **peer}
        for games in ("256", "4096"):
            found["ratios"][f"fused {games} / pufferlib 9-byte"] = significant(ours["fused"][games] / peer["obs9"][games])
            found["ratios"][f"fused {games} / pufferlib 121-byte"] = significant(ours["fused"][games] / peer["obs121"][games])
            for kind in ACTIONS:
                ratio = ours["batch_call"][kind][games] / peer["obs121"][games]
                found["ratios"][f"batch call, {kind}, {games} / pufferlib 121-byte"] = significant(ratio)
    if heard["jumanji"]:
        steps = median_of(heard["jumanji"], "step_per_cpu_second")
        found["peers"]["jumanji"] = {"version": heard["jumanji"][0]["version"], **steps}
        ratio = ours["batch_call"]["legal"]["4096"] / steps["4096"]
        found["ratios"]["batch call, legal, 4096 / jumanji"] = significant(ratio)
    if heard["gymsnake"]:
        steps = median_of(heard["gymsnake"], "step_per_cpu_second")
        found["peers"]["gym-snake"] = {"version": heard["gymsnake"][0]["version"], **steps}
        found["ratios"]["single bare / gym-snake"] = significant(ours["single"]["bare"] / steps["bare"])
        found["ratios"]["single made / gym-snake"] = significant(ours["single"]["made"] / steps["made"])
    return found


def median_of(answers: list[dict[str, Any]], *path: str) -> dict[str, float]:
    """Return, key by key, the median of a table over the rounds."""
    tables = []
    for answer in answers:
        table: Any = answer
        for name in path:
            table = table[name]
        tables.append(table)
    return {key: significant(statistics.median(table[key] for table in tables)) for key in tables[0]}
