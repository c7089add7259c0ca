"""What a prompt shows beside the facts: an example of the form, and parts that fit what is wrong.

Small models copy the form of an example, and write the same answer again and again if nothing sets the variants apart. Both
come from the game's own parts: nothing here names a feature or a tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ouroloop.agents.search.evidence import affinities, polarity
from ouroloop.protocols.messages import Finding, PatchRequest, Tool
from ouroloop.protocols.records import RewardSpec, RewardTerm

USES: Final[dict[str, tuple[str, str]]] = {
    "moves": ("Lists of moves", "moves = NAME(observation) or list(range(COUNT))"),
    "test": ("Tests of one move", "moves = [move for move in moves if NAME(observation, move)] or moves"),
    "move": ("One move, or None", "step = NAME(observation)` and then `if step in moves: return step"),
    "measure": (
        "Figures of one move, with a minus where less is better",
        "max(moves, key=lambda move: (NAME(observation, move), logits[move]))",
    ),
    "other": ("Other functions", ""),
}
"""Kind of toolkit function -> what it gives, and a line that uses it; `NAME` and `COUNT` (of actions) are filled in."""
IDEAS: Final = {
    "moves": "    moves = NAME(observation) or list(range(COUNT))",
    "test": "    moves = [move for move in moves if NAME(observation, move)] or moves",
    "move": "    step = NAME(observation)\n    if step in moves:\n        return step",
    "measure": "    return max(moves, key=lambda move: (NAME(observation, move), logits[move]))",
}
"""Kind of toolkit function -> lines of a controller that use one, in the order in which they can stand."""


def toolkit_text(tools: Sequence[Tool], actions: int) -> str:
    """Return the toolkit as lines, by kind: how each kind is used, then its functions."""
    lines = []
    for kind, (what, line) in USES.items():
        if own := [tool for tool in tools if tool.kind == kind]:
            use = f". Use: `{line.replace('COUNT', str(actions))}`" if line else ""
            lines += [f"{what}{use}", *(f"- {tool.name}{tool.signature}: {tool.doc}" for tool in own)]
    return "\n".join(lines)


def example_controller(request: PatchRequest, index: int) -> str:
    """Return a whole controller that uses one toolkit function of each kind that there is, another one for each index.

    It needs no helper of its own, since small models call a helper that they have seen without writing it.
    """

    def one(kind: str) -> str | None:
        found = [tool.name for tool in request.toolkit if tool.kind == kind]
        return found[index % len(found)] if found else None

    start, test, measure = one("moves"), one("test"), one("measure") if index % 2 else None
    used = [name for name in (start, test, measure) if name]
    every = f"list(range({len(request.actions)}))"
    lines = [f"from toolkit import {', '.join(used)}", "", ""] if used else []
    lines += ["def act(observation, logits):", f"    moves = {f'{start}(observation) or {every}' if start else every}"]
    if test:
        lines.append(f"    moves = [move for move in moves if {test}(observation, move)] or moves")
    docs = {tool.name: tool.doc for tool in request.toolkit}
    key = f"({_sign(measure, docs[measure])}{measure}(observation, move), logits[move])" if measure else "logits[move]"
    return "\n".join([*lines, f"    return max(moves, key=lambda move: {key})", ""])


def ideas(tools: Sequence[Tool], actions: int, findings: Sequence[Finding], index: int) -> str:
    """Return the body of a controller that uses functions that fit what is wrong, another one for each index.

    The body is whole, since small models leave out what a part of one leaves out. It uses a list of moves, a test or a
    single move in turn, and a figure.
    """
    lines: dict[str, str] = {
        "moves": f"    moves = list(range({actions}))",
        "measure": "    return max(moves, key=lambda move: logits[move])",
    }
    for place, kind in enumerate(("moves", "test" if index % 2 else "move", "measure")):
        if own := {tool.name: tool.doc for tool in tools if tool.kind == kind}:
            (name,) = fitting(own, findings, index // (place + 1), 1)
            signed = _sign(name, own[name]) + name if kind == "measure" else name
            lines[kind] = IDEAS[kind].replace("NAME", signed).replace("COUNT", str(actions))
    return "\n".join(lines[kind] for kind in IDEAS if kind in lines)


def _sign(name: str, doc: str) -> str:
    """Return a minus for a figure of which less sounds better."""
    return "-" if polarity(f"{name} {doc}") < 0 else ""


def example_spec(features: Mapping[str, str], index: int) -> RewardSpec:
    """Return a spec of the form that is asked for: a term for what sounds wanted, one for what sounds unwanted."""
    chosen = []
    for sign in (1, -1):
        if alike := [name for name, doc in features.items() if _leaning(name, doc) * sign > 0]:
            name = alike[index % len(alike)]
            chosen.append(term(name, features[name]))
    return RewardSpec(terms=tuple(chosen), gamma_r=0.3)


def terms(features: Mapping[str, str], findings: Sequence[Finding], index: int, count: int = 3) -> list[RewardTerm]:
    """Return terms that a spec could hold, of features that fit what is wrong, other ones for each index."""
    leaning = {name: doc for name, doc in features.items() if _leaning(name, doc)}
    return [term(name, features[name]) for name in fitting(leaning, findings, index, count)]


def term(name: str, doc: str) -> RewardTerm:
    """Return a term that fines a feature that sounds unwanted, or the lack of one that sounds wanted.

    Fines alone cannot be earned by going in circles, as a wanted feature that most steps have could. One that can be below 0
    fines its own lack.
    """
    wanted = _leaning(name, doc) > 0
    if wanted and "-1 to 1" in doc:
        return RewardTerm(name=f"for_{name}", expr=name, weight=0.5, clip=1.0)
    if wanted:
        return RewardTerm(name=f"lack_of_{name}", expr=f"{name} - 1", weight=0.5, clip=1.0)
    return RewardTerm(name=f"against_{name}", expr=name, weight=-0.5, clip=1.0)


def _leaning(name: str, doc: str) -> float:
    """Return whether a feature sounds wanted (above 0) or unwanted; its name says more than its doc."""
    return polarity(name) or polarity(doc)


def fitting(docs: Mapping[str, str], findings: Sequence[Finding], index: int, count: int = 2) -> list[str]:
    """Return parts whose docs share words with the findings, the fittest first, other ones for each index."""
    rated = affinities(docs, findings)
    ranked = sorted(docs, key=lambda name: (-rated[name], name))
    return [ranked[(index + step * 3) % len(ranked)] for step in range(min(count, len(ranked)))]
