"""The round as a LangGraph state machine. Its state is a round number; everything else is in the ledger.

`observe -> decide -> propose -> screen -> train -> gate -> attribute -> watch`, then the next round or the end. LangGraph's
checkpoints are in the same SQLite file. Every node may be repeated, because its steps are recorded only once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.ledger.steps.times import ENDED, PhaseTime, note
from ouroloop.runs.beginning.eyes import open_eyes
from ouroloop.runs.beginning.sight import Tally
from ouroloop.runs.budget import ROUNDS_DONE, prices, spending, spent_limit, spent_up
from ouroloop.runs.by_hand.approve import Waits
from ouroloop.runs.checkpoints import begun, checkpoints
from ouroloop.runs.context import Run
from ouroloop.runs.phases.attribute import attribute
from ouroloop.runs.phases.gate import gate
from ouroloop.runs.phases.observe import decide, observe
from ouroloop.runs.phases.propose import propose
from ouroloop.runs.phases.screen import screen
from ouroloop.runs.phases.start import start
from ouroloop.runs.phases.train import train
from ouroloop.runs.phases.watch import watch


class State(TypedDict):
    """The state that LangGraph checkpoints: the current round."""

    round: int


PHASES: dict[str, Callable[[Run, int], Any]] = {
    "observe": observe,
    "decide": decide,
    "propose": propose,
    "screen": screen,
    "train": train,
    "gate": gate,
    "attribute": attribute,
    "watch": watch,
}


def run_rounds(run: Run) -> str:
    """Run (or continue) the graph until a budget is spent, or the user has to answer; return what it is, in words."""
    open_eyes(run)
    with checkpoints(run.ledger.path) as saver:
        goes_on = Turnstile(run)
        graph = _build(run, goes_on, Tally(run)).compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "run"}, "recursion_limit": 12 * run.recipe.budget.rounds + 12}
        round, ended = begun(graph, config, run.ledger.path)
        if round is not None and ended:  # it finished earlier, and a larger budget may let it continue
            found = spent_limit(run.recipe, round, spending(run.ledger, prices(run.recipe.roles)))
            if found is not None and found.reason == ROUNDS_DONE:
                done = f"nothing to do: all {round - FIRST_ROUND} rounds of the run are done"
                run.progress.note(f"{done}; add rounds with `{found.extended(run.folder)}`")
            graph.update_state(config, {"round": round}, as_node="start")
        begin: Any = {"round": FIRST_ROUND} if round is None else None
        try:
            graph.invoke(begin, config, durability="sync")
        except Waits as waits:
            return str(waits)
        return goes_on.stopped


@dataclass(slots=True)
class Turnstile:
    """Decides before each round whether it may begin. `stopped` is why the last one it was asked about may not."""

    run: Run
    stopped: str = ""

    def __call__(self, state: State) -> str:
        """Return `on`, or `end`; show what has been used."""
        used = spending(self.run.ledger, prices(self.run.recipe.roles))
        self.run.progress.used(used.total.tokens, used.total.cost_usd)
        self.stopped = spent_up(self.run, state["round"], used)
        return "end" if self.stopped else "on"


def _build(run: Run, goes_on: Turnstile, tally: Tally) -> StateGraph[State]:
    graph: StateGraph[State] = StateGraph(State)
    graph.add_node("start", _start(run, tally))
    graph.add_edge(START, "start")
    names = list(PHASES)
    for name in names:
        graph.add_node(name, _node(run, name, tally))
    graph.add_node("next", _next())
    graph.add_conditional_edges("start", goes_on, {"on": names[0], "end": END})
    for before, after in zip(names, [*names[1:], "next"], strict=True):
        graph.add_edge(before, after)
    graph.add_conditional_edges("next", goes_on, {"on": names[0], "end": END})
    return graph


def _start(run: Run, tally: Tally) -> Any:
    def node(state: State) -> dict[str, Any]:
        run.progress.phase(0, run.recipe.budget.rounds, "start")
        start(run)
        tally.note()
        return {}

    return node


def _node(run: Run, name: str, tally: Tally) -> Any:
    def node(state: State) -> dict[str, Any]:
        run.progress.phase(state["round"], run.recipe.budget.rounds, name)
        begun = time.monotonic()
        PHASES[name](run, state["round"])
        tally.note()
        note(run.ledger, ENDED, PhaseTime(state["round"], name, round(time.monotonic() - begun, 3)))
        return {}

    return node


def _next() -> Any:
    return lambda state: {"round": state["round"] + 1}
