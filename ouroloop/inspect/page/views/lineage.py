"""The builds of a run, and what changed over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.inspect.history import Rewards
from ouroloop.inspect.page.charts.lineage import Node, lineage
from ouroloop.inspect.page.rendering import Page
from ouroloop.inspect.page.views.code import diff_of
from ouroloop.inspect.page.views.saying import effect_of, interval
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from typing import Any

    from ouroloop.inspect.outline import Outline, Turn
    from ouroloop.inspect.page.addresses import Addresses
    from ouroloop.inspect.page.reading import Opened
    from ouroloop.ledger.steps.start import Measures
    from ouroloop.protocols.records import Build


def lineage_page(name: str, opened: Opened, addresses: Addresses) -> Page:
    """Return the graph of a run's builds, and a table of what made each."""
    outline = opened.outline
    nodes, backs, rows = _graph(name, outline, addresses)
    data = {"run": name, "chart": lineage(nodes, backs, f"the builds of {name}"), "rows": rows}
    return Page(
        "lineage.html", f"Lineage of {name}", data, (("Runs", ()), (name, ("runs", name))), run=name, tab="lineage", watch=True
    )


def _graph(name: str, outline: Outline, addresses: Addresses) -> tuple[list[Node], list[tuple[int, int]], list[dict[str, Any]]]:
    """Return the builds as nodes, the rollbacks between them, and rows that tell what happened, in order."""
    nodes: list[Node] = []
    backs: list[tuple[int, int]] = []
    rows: list[dict[str, Any]] = []
    places: dict[Build, int] = {}
    playing: int | None = None
    for turn in outline.turns:
        score = interval(_measures(outline, turn))
        if turn.build not in places:
            entry = outline.candidates.get(turn.candidate)
            kind = (
                "start" if turn.kind == "start" else "rollback" if turn.kind == "rolled_back" else entry.kind if entry else "?"
            )
            href = addresses.to("runs", name, "candidates", turn.candidate) if entry and turn.kind == "accepted" else None
            called = {"start": "start", "accepted": turn.candidate, "rolled_back": f"without {turn.candidate}"}[turn.kind]
            said = f"{called}: {plain_line(entry.rationale, 160) if entry else 'the first build'}"
            stands, now = outline.stands(turn.build), turn.build == outline.now
            places[turn.build] = len(nodes)
            nodes.append(Node(called, said, score.partition(" ")[0], href, kind, stands, now, playing))
        at = places[turn.build]
        if turn.kind == "rolled_back" and playing is not None:
            backs.append((playing, at))
        rows.append({"turn": turn, "entry": outline.candidates.get(turn.candidate), "score": score, "build": turn.build})
        playing = at
    return nodes, backs, rows


def _measures(outline: Outline, turn: Turn) -> Measures | None:
    """Return how the build of a change was seen to play first."""
    if turn.kind == "start":
        return outline.start_measures
    if turn.measures is not None:
        return turn.measures
    entry = outline.rounds.get(turn.round)
    return entry.measures if entry is not None and entry.incumbent == turn.build else None


def changes_page(name: str, opened: Opened, before: int | None = None, most: int | None = None) -> Page:
    """Return what rewards and patches changed over time, the last first.

    Args:
        name: the run's name on the page.
        opened: the run.
        before: show changes before this one, counted from 1; the last ones by default.
        most: how many are shown; None for all.
    """
    outline = opened.outline
    turns = [(number, turn) for number, turn in enumerate(outline.turns) if turn.kind != "start"]
    end = len(turns) if before is None else max(0, min(len(turns), before - 1))
    first = 0 if most is None else max(0, end - most)
    found = [_change(opened, outline.turns[number - 1].build, turn) for number, turn in turns[first:end]]
    data = {
        "run": name,
        "changes": [one for one in found[::-1] if one is not None],
        "earlier": first + 1 if first else None,
        "later": before if end < len(turns) else None,
    }
    return Page(
        "changes.html", f"Changes of {name}", data, (("Runs", ()), (name, ("runs", name))), run=name, tab="changes", watch=True
    )


def _change(opened: Opened, old: Build, turn: Turn) -> dict[str, Any] | None:
    """Return a change against the build before it; None for a candidate that is not on record."""
    entry, store = opened.outline.candidates.get(turn.candidate), opened.report.store
    if entry is None:
        return None
    new, reward, diff = turn.build, "", list[tuple[str, str]]()
    if new.reward != old.reward:
        reward = Rewards(opened.report.spec(old.reward)).become(opened.report.spec(new.reward))
    if new.controller != old.controller:
        diff = diff_of(*(store.text(build.controller) for build in (old, new)))
    return {
        "turn": turn,
        "entry": entry,
        "reward": reward,
        "diff": diff,
        "lines": sum(kind in ("more", "less") for kind, _ in diff),
        "effect": effect_of(entry),
    }
