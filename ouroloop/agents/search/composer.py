"""Controllers as plans. The search mutates plans, renders them to readable Python, and reads them back by syntax tree.

A plan narrows the moves by tests in order, skipping a test that would leave no move. It then takes the first proposal
that is still among the moves and passes its guard. Without one, it ranks the remaining moves. The empty plan is the
plain argmax of the logits.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

LOGITS = "logits"


@dataclass(frozen=True, slots=True)
class Rank:
    """One criterion of a ranking: a measure's name (or `logits`) and its factor; a negative factor prefers small values."""

    measure: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A tool that proposes one move or None, and the test, if any, that the move must pass."""

    move: str
    guard: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A composed controller.

    Args:
        start: the tool that lists the moves to choose from; None for all moves.
        filters: the tests, in order.
        proposals: the proposals, in order.
        ranking: at least one criterion.
        mixed: rank by the sum of factor * measure, instead of by one criterion after the other.
    """

    start: str | None = None
    filters: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    ranking: tuple[Rank, ...] = (Rank(LOGITS),)
    mixed: bool = False


ARGMAX = Plan()


def tools(plan: Plan) -> list[str]:
    """Return the toolkit functions that a plan uses, sorted."""
    names = {plan.start, *plan.filters, *(p.move for p in plan.proposals), *(p.guard for p in plan.proposals)}
    names |= {r.measure for r in plan.ranking}
    return sorted(name for name in names if name is not None and name != LOGITS)


def parts(plan: Plan) -> Iterator[str]:
    """Yield the plan's parts as keys, so that its credit can be shared among them."""
    if plan.start:
        yield f"start {plan.start}"
    yield from (f"filter {name}" for name in plan.filters)
    for proposal in plan.proposals:
        yield f"move {proposal.move}"
        if proposal.guard:
            yield f"guard {proposal.guard}"
    if plan.ranking != ARGMAX.ranking:
        yield from (f"rank {'+' if r.factor > 0 else '-'}{r.measure}" for r in plan.ranking)


def render(plan: Plan, actions: int) -> str:
    """Return a plan as the source of `controller.py`."""
    lines = []
    if used := tools(plan):
        lines += [f"from toolkit import {', '.join(used)}", "", ""]
    if plan.filters:
        lines += [
            "def keep(observation, moves, test):",
            "    kept = [move for move in moves if test(observation, move)]",
            "    return kept or moves",
            "",
            "",
        ]
    every = f"list(range({actions}))"
    lines += ["def act(observation, logits):"]
    lines += [f"    moves = {plan.start}(observation) or {every}" if plan.start else f"    moves = {every}"]
    lines += [f"    moves = keep(observation, moves, {name})" for name in plan.filters]
    for proposal in plan.proposals:
        guard = f" and {proposal.guard}(observation, choice)" if proposal.guard else ""
        lines += [f"    choice = {proposal.move}(observation)", f"    if choice in moves{guard}:", "        return choice"]
    lines += [f"    return max(moves, key=lambda move: {_ranking(plan)})"]
    return "\n".join(lines) + "\n"


def diff(old: str, new: str) -> str:
    """Return the unified diff of two controllers."""
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), "a/controller.py", "b/controller.py")
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def _ranking(plan: Plan) -> str:
    if plan.mixed:
        text = " + ".join(f"{rank.factor:g} * {_value(rank.measure)}" for rank in plan.ranking)
        return text.replace("+ -", "- ")
    values = [("-" if rank.factor < 0 else "") + _value(rank.measure) for rank in plan.ranking]
    return values[0] if len(values) == 1 else f"({', '.join(values)})"


def _value(measure: str) -> str:
    return "logits[move]" if measure == LOGITS else f"{measure}(observation, move)"
