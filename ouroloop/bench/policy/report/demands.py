"""The demands on the policies' benchmark, its findings, and whether they suffice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rich.table import Table

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.policy.report.wording import share, side, spread

Demand = tuple[str, str, str, bool | None]
"""The claim, what is asked, what was found, and whether that suffices; None if it was not measured."""


def demands(document: dict[str, Any]) -> Table:
    """Return each claim with what was asked, what was found, and whether that suffices."""
    rows: list[Demand] = []
    for name, demands_of in DEMANDS.items():
        section = document.get(name)
        if section is not None:
            rows += [(name, "", section["missing"], None)] if "missing" in section else demands_of(section)
    marks = {True: "yes", False: "NO", None: "not measured"}
    return grid(("what must be shown", "asked", "found", "met"), ((*row[:3], marks[row[3]]) for row in rows))


def scratch_demands(section: dict[str, Any]) -> list[Demand]:
    """Return the demand on training from scratch."""
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
    """Return the demand on failures."""
    clear = sum(row["one_clear_error"] for row in section["rows"])
    return [("failures", "one clear error each", f"{clear} of {len(section['rows'])}", section["all_clear"])]


def gpu_demands(section: dict[str, Any]) -> list[Demand]:
    """Return how long a score took from scratch on a GPU; no time is asked."""
    climb = section.get("climb")
    if climb is None:
        return []
    reached = climb["seconds"]
    found = "not reached" if reached is None else f"{reached:g} s"
    return [(f"10 x 10 from scratch on {section['device']}", f"a score of {climb['goal']:g}", found, reached is not None)]


DEMANDS: Final[dict[str, Callable[[dict[str, Any]], list[Demand]]]] = {
    "scratch": scratch_demands,
    "shipped": shipped_demands,
    "gain": gain_demands,
    "throughput": throughput_demands,
    "gpu": gpu_demands,
    "failures": failure_demands,
}
