"""One candidate, a panel per layer: the verdict, its evidence pair by pair, what it changes, and how it came to be."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from ouroloop.inspect.candidate.details import details
from ouroloop.inspect.candidate.games import PairTold, told_pairs
from ouroloop.inspect.candidate.health import TERM, explained
from ouroloop.inspect.page.charts.bars import Bar, shares
from ouroloop.inspect.page.charts.evidence import Pair, evidence
from ouroloop.inspect.page.rendering import Page
from ouroloop.inspect.page.views.code import beside, coloured, unified
from ouroloop.inspect.shown.decision import effect_lines, way_back
from ouroloop.ledger.steps.screen import screen
from ouroloop.protocols.records import LAYERS
from ouroloop.protocols.text import shell_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ouroloop.inspect.document import Candidate, CandidateDetails, Spec, Stage
    from ouroloop.inspect.page.addresses import Addresses
    from ouroloop.inspect.page.reading import Opened

PAIRS: Final = 400
"""The most pairs in the table; of more, the first and those that were lost or won by most."""
LAYERS_SAID: Final = {
    "text": "the reply holds a patch",
    "bytes": "its characters are visible and few enough",
    "path": "it changes the controller alone",
    "ast": "its syntax is allowed",
    "bandit": "bandit finds nothing",
    "sandbox": "it loads in the sandbox",
    "protocol": "it speaks the worker's protocol",
    "contract": "same input, same action",
    "schema": "the reward is a reward spec",
    "finite": "its values are finite",
    "bounded": "its values are bounded",
    "complexity": "it is simple enough",
    "gameable": "no simple player can game it",
    "halving": "it trained better than others",
    "training": "the training was sound",
    "oracle": "the A* bank does not rule it out",
    "gate": "paired games show that it is better",
    "approval": "somebody said that it may play",
    "watch": "fresh games keep showing it",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that a candidate went through: its name, what it asks, and whether the candidate passed; None if not reached."""

    name: str
    asks: str
    passed: bool | None


@dataclass(frozen=True, slots=True)
class TermRow:
    """A term of a reward: the new one and the old one of its name, either None, and its part of the return; None if unknown."""

    name: str
    new: Any
    old: Any
    part: float | None


def candidate_page(name: str, opened: Opened, addresses: Addresses, id: str) -> Page:
    """Return a candidate's page. Raises UsageError if the run has no such candidate."""
    report = opened.report
    found = details(report, id)
    told = told_pairs(report, found["round"], found)
    pairs = [
        Pair(
            one.number,
            math.log(max(one.e_value, 1e-12)),
            one.gain,
            addresses.to("runs", name, "candidates", id, "pairs", one.number),
        )
        for one in told
    ]
    bar = None if found["alpha"] is None else -math.log(found["alpha"])
    data = {
        "run": name,
        "found": found,
        "layers": layers(found),
        "effects": effect_lines(found),
        "back": way_back(opened.folder, found),
        "chart": Markup("") if bar is None else evidence(pairs, bar, f"evidence for {id}, pair by pair"),
        "bar": None if bar is None else math.exp(bar),
        "pairs": _few(told),
        "all_pairs": len(told),
        "code": _code(opened, found),
        "diff": unified(found["diff"]) if found["diff"] else [],
        "terms": _terms(opened, found),
        "spec": _spec_lines(found["reward"]),
        "gamma": found["reward"]["gamma_r"] if found["reward"] and "terms" in found["reward"] else None,
        "stages": found["training"],
        "figures": _figures(found["training"]),
        "term_chart": _stage_terms(found["training"][-1]["health"]) if found["training"] else Markup(""),
        "plays": opened.outline.candidates[id].passed if id in opened.outline.candidates else False,
        "tokens": sum(talk["tokens_in"] + talk["tokens_out"] for talk in found["exchanges"]),
        "waits": id in opened.outline.waiting,
        "refused": found["verdict"] in ("rejected", "rolled_back"),
        "resume": f"ouroloop resume {shell_word(opened.folder)}",
        "approve": f"ouroloop approve {shell_word(opened.folder)} {shell_word(id)}",
        "command": f"ouroloop show {shell_word(opened.folder)} --candidate {shell_word(id)}",
    }
    crumbs = (("Runs", ()), (name, ("runs", name)), (f"Round {found['round']}", ("runs", name, "rounds", str(found["round"]))))
    return Page("candidate.html", id, data, crumbs, run=name, tab="run", watch=found["verdict"] == "pending")


def layers(found: Candidate) -> list[Layer]:
    """Return the layers that a candidate of this kind goes through, and how far it got."""
    mine = [layer for layer in LAYERS if _concerns(layer, found["kind"]) and (layer != "approval" or found["approval"])]
    if found["verdict"] == "pending":
        at = mine.index(found["layer"]) if found["layer"] in mine else 0
        return [Layer(layer, LAYERS_SAID[layer], True if place < at else None) for place, layer in enumerate(mine)]
    if found["layer"] not in mine:  # such as a layer that a later version has
        mine.append(found["layer"])
    at = mine.index(found["layer"])
    last = found["verdict"] == "accepted"
    asked = [
        Layer(layer, LAYERS_SAID.get(layer, ""), True if place < at or (place == at and last) else None)
        for place, layer in enumerate(mine)
    ]
    if not last:
        asked[at] = Layer(mine[at], LAYERS_SAID.get(mine[at], ""), passed=False)
    return asked


def _concerns(layer: str, kind: str) -> bool:
    patch = layer in ("text", "bytes", "path", "ast", "bandit", "sandbox", "protocol", "contract")
    reward = layer in ("schema", "finite", "bounded", "complexity", "gameable", "halving", "training")
    return kind == "both" or (not patch if kind == "reward" else not reward)


def _few(told: Sequence[PairTold]) -> list[PairTold]:
    """Return the pairs of the table: all, or those with the largest differences."""
    if len(told) <= PAIRS:
        return list(told)
    return sorted(sorted(told, key=lambda one: -abs(one.gain))[:PAIRS], key=lambda one: one.number)


def _code(opened: Opened, found: CandidateDetails) -> list[Any]:
    """Return the controller before and after beside each other; empty if it is the same, or did not pass the screen."""
    if found["kind"] == "reward":
        return []
    report = opened.report
    index, proposed = report.find(found["id"])
    screened = screen(index, proposed).find(report.ledger)
    before = found["against"]
    if screened is None or screened.controller is None or before is None:
        return []
    return beside(report.store.text(before["controller"]), report.store.text(screened.controller))


def _terms(opened: Opened, found: CandidateDetails) -> list[TermRow]:
    """Return the terms of a proposed reward against those of the reward that it replaced."""
    spec = found["reward"]
    if spec is None or "terms" not in spec:
        return []
    old = (
        {}
        if found["against"] is None
        else {term["name"]: term for term in opened.report.spec(found["against"]["reward"])["terms"]}
    )
    new = {term["name"]: term for term in spec["terms"]}
    parts = _parts(found["health"] or {})
    return [TermRow(name, new.get(name), old.get(name), parts.get(name)) for name in [*new, *(n for n in old if n not in new)]]


def _parts(health: dict[str, float]) -> dict[str, float]:
    """Return each term's share of the designed return, by its absolute size."""
    means = {name.removeprefix(TERM): value for name, value in health.items() if name.startswith(TERM)}
    whole = sum(map(abs, means.values()))
    return {name: abs(value) / whole for name, value in means.items()} if whole else {}


def _figures(stages: Sequence[Stage]) -> list[tuple[str, list[float | None], str]]:
    """Return the figures of a training: name, the value in each stage, and the meaning."""
    names = {name: value for stage in stages for name, value in stage["health"].items()}
    return [(name, [stage["health"].get(name) for stage in stages], meaning) for name, _, meaning in explained(names)]


def _stage_terms(health: dict[str, float]) -> Markup:
    rows = [Bar(name.removeprefix(TERM), value) for name, value in sorted(health.items()) if name.startswith(TERM)]
    return shares(rows, "mean return of each term", "term-returns") if rows else Markup("")


def _spec_lines(spec: Spec | Any) -> list[Markup]:
    if spec is None:
        return []
    if "terms" not in spec:
        return coloured(str(spec["text"]), "json")
    return coloured(json.dumps(spec, indent=2), "json")
