"""What a prompt shows beside the facts: an example of the form, and parts that fit what is wrong.

Small models copy the form of an example, and write the same answer again and again if nothing sets the variants apart. Both
come from the game's own parts: nothing here names a feature or a tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ouroloop.agents.search.composer import LOGITS, Plan, Rank, render
from ouroloop.agents.search.evidence import affinities, polarity
from ouroloop.protocols.messages import Finding, PatchRequest
from ouroloop.protocols.records import RewardSpec, RewardTerm


def example_controller(request: PatchRequest, index: int) -> str:
    """Return a whole controller that uses one toolkit function of each kind that there is, another one for each index."""

    def one(kind: str) -> str | None:
        found = [tool.name for tool in request.toolkit if tool.kind == kind]
        return found[index % len(found)] if found else None

    start, test, measure = one("moves"), one("test"), one("measure")
    ranking = (Rank(measure), Rank(LOGITS)) if measure and index % 2 else (Rank(LOGITS),)
    return render(Plan(start, (test,) if test else (), (), ranking), len(request.actions))


def example_spec(features: Mapping[str, str], index: int) -> RewardSpec:
    """Return a spec of the form that is asked for: a term for what sounds wanted, one for what sounds unwanted."""
    leaning = {name: polarity(f"{name} {doc}") for name, doc in features.items()}
    chosen = []
    for sign in (1, -1):
        if alike := [name for name, lean in leaning.items() if lean * sign > 0]:
            name = alike[index % len(alike)]
            chosen.append(
                RewardTerm(name=f"for_{name}" if sign > 0 else f"against_{name}", expr=name, weight=0.5 * sign, clip=1.0)
            )
    return RewardSpec(terms=tuple(chosen), gamma_r=0.3)


def fitting(docs: Mapping[str, str], findings: Sequence[Finding], index: int, count: int = 2) -> list[str]:
    """Return parts whose docs share words with the findings, the fittest first, other ones for each index."""
    rated = affinities(docs, findings)
    ranked = sorted(docs, key=lambda name: (-rated[name], name))
    return [ranked[(index + step * 3) % len(ranked)] for step in range(min(count, len(ranked)))]
