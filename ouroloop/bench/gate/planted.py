"""One run with a planted patch, and one without: what the watch finds, and when."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ouroloop.bench.gate.arena import arena, controller, let_in, propose
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.ledger.steps import apply as steps
from ouroloop.ledger.steps.key import round_of
from ouroloop.runs.context import Run
from ouroloop.runs.phases.attribute import attribute
from ouroloop.runs.phases.gate import gate
from ouroloop.runs.phases.rollback import lineage
from ouroloop.runs.phases.watch import watch
from ouroloop.sandbox.choose import choose

RUNS: Final = 50
ROUNDS: Final = 3
"""Rounds of watching."""
START: Final = {"SLIPS": 150, "STUMBLES": 100, "LAPSES": 100}
LATER: Final = {0.05: 190, 0.1: 270, 0.15: 370}
"""Utility that the planted patch costs outside the gate -> its `LATER`; on the gate's seeds it gains about 0.15."""
EQUAL_STATES: Final = 8
EQUAL_ROUNDS: Final = 20
PLANTED, BESIDE, ON_TOP = "r0-patch1", "r1-patch1", "r2-patch1"
"""The planted patch; a good one that edits other lines; a good one that edits the planted one's lines too."""


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of one run.

    Args:
        accepted: whether the gate accepted the planted patch, as intended.
        rounds: rounds of watching until it was out; None if it never was.
        exact: whether the workspace then equalled, byte for byte, the state before it plus the later patches that apply.
        kept: later patches kept on top of the state before it.
        chained: later patches that were rolled back with it.
        others: accepted patches rolled back needlessly.
    """

    accepted: bool
    rounds: int | None
    exact: bool
    kept: int
    chained: int
    others: int


def planted_run(seed: int, cost: float) -> Found:
    """Plant a patch in round 0 that is bad outside the gate; in two of three runs the watch begins one or two rounds later.

    Other patches then lie on top of it. A build is a fixed player on fresh seeds, so the harm itself is there from the start.
    """
    with tempfile.TemporaryDirectory() as scratch, closing(choose("wasm", SnakeTask(6).toolkit_source, 4)) as sandbox:
        start = controller(**START)
        with arena(Path(scratch) / "run", start, seed=seed, sandbox=sandbox) as run:
            since = seed % 3
            bad = controller(**{**START, "SLIPS": 0, "LATER": LATER[cost]})
            for round in range(since + ROUNDS):
                propose(run, round, [bad] if round == 0 else [_next(run, round, seed)])
                gate(run, round)
                attribute(run, round)
                if round >= since:
                    watch(run, round)
                if PLANTED not in {state.candidate for state in lineage(run.ledger)}:
                    break
            return _found(run, start, since, nearby=bool(seed % 2))


def _next(run: Run, round: int, seed: int) -> str:
    """Return the round's good patch of the current state; in half of the runs the second one edits beside the planted line."""
    now = run.store.text(run.incumbent().controller)
    if round == 1:
        return now.replace("STUMBLES = 100", "STUMBLES = 0")
    nearby = now.replace("about slips.", "about slips, which are rare.") if seed % 2 else now
    return nearby.replace("LAPSES = 100", "LAPSES = 0")


def _found(run: Run, start: str, since: int, nearby: bool) -> Found:
    changes = list(steps.changes(run.ledger))
    applied = {change.candidate for _, change in changes if isinstance(change, steps.Applied)}
    rollbacks = [(key, change) for key, change in changes if isinstance(change, steps.RolledBack)]
    key, out = next(((key, change) for key, change in rollbacks if change.rolled_back == PLANTED), ("", None))
    if out is None:
        return Found(PLANTED in applied, None, False, 0, 0, len(rollbacks))
    expected = start
    if BESIDE in applied:  # it edits other lines, so it must have stayed
        expected = expected.replace("STUMBLES = 100", "STUMBLES = 0")
    if ON_TOP in applied and not nearby:
        expected = expected.replace("LAPSES = 100", "LAPSES = 0")
    folder = run.workspace.folder
    exact = (folder / "controller.py").read_bytes() == expected.encode() and not run.workspace.changes()
    return Found(
        PLANTED in applied,
        1 + round_of(key) - since,
        exact,
        len(out.retained),
        len(out.chain),
        len(rollbacks) - 1,
    )


def equal_run(seed: int) -> int:
    """Watch eight states that play equally well for twenty rounds; return how many were rolled back."""
    with tempfile.TemporaryDirectory() as scratch, arena(Path(scratch) / "run", controller(SLIPS=200), seed=seed) as run:
        for round in range(EQUAL_ROUNDS):
            if 0 < round < EQUAL_STATES:
                let_in(run, round, controller(SLIPS=200, salt=seed * EQUAL_STATES + round))
            watch(run, round)
        return len(steps.rollbacks(run.ledger))
