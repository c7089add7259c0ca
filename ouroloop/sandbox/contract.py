"""The controller's contract, tested in the sandbox: the same observation and logits, the same action, always.

The controller is given one bank of positions again and again: in another order, row by row, twice, in a second worker.
A controller that remembers, counts, or depends on its process answers differently somewhere. No test can see a trigger
that it does not pull: the gate and the watch must find what the bank does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.canonical import sha256
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.ports import Sandbox
from ouroloop.protocols.records import Observations

FIRST_ROWS = 16
"""Rows of the first batch: a hung controller is found on a small budget."""
REPLAY_ROWS = 256
"""Rows that each test replays, drawn from the bank."""
EDGE_LOGITS = (0.0, -0.0, 1e-38, -1e-38, 50.0, -50.0)
"""Such that `exp` of them is a number."""

Act = Callable[[Observations, NDArray[np.float32]], NDArray[np.int8]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A controller at work on its bank.

    Args:
        act: asks the first worker.
        elsewhere: asks the second worker, which has seen nothing yet.
        observations: B rows.
        logits: (B, A) float32.
        actions: (B,) int8, the first worker's answers, against which the others are held.
        rows: (R,) int64, the rows to replay, in random order.
        rng: seeded by the controller's source, so that a verdict is the same each time.
    """

    act: Act
    elsewhere: Act
    observations: Observations
    logits: NDArray[np.float32]
    actions: NDArray[np.int8]
    rows: NDArray[np.int64]
    rng: np.random.Generator

    def replay(self, name: str, act: Act, rows: NDArray[np.int64]) -> None:
        """Ask for these rows again and compare.

        Raises:
            CandidateFault: layer "contract" where an answer differs.
        """
        again = act(self.observations.take(rows), self.logits[rows])
        wrong = np.flatnonzero(again != self.actions[rows])
        if wrong.size:
            row, first = int(rows[wrong[0]]), int(self.actions[rows[wrong[0]]])
            reason = f"position {row} gave action {first} first and {int(again[wrong[0]])} when {name}"
            raise CandidateFault("contract", f"{reason}; act must depend on its two arguments alone")


def shuffled(trial: Trial) -> None:
    """The rows in another order."""
    trial.replay("shuffled", trial.act, trial.rows)


def repeated(trial: Trial) -> None:
    """Every row twice in a row."""
    trial.replay("repeated", trial.act, np.repeat(trial.rows[: REPLAY_ROWS // 2], 2))


def split(trial: Trial) -> None:
    """Uneven small batches."""
    cuts = np.sort(trial.rng.integers(0, len(trial.rows), 6))
    for part in np.split(trial.rows, cuts):
        trial.replay("asked in small batches", trial.act, part)


def elsewhere(trial: Trial) -> None:
    """A second worker, backwards."""
    trial.replay("asked in another process", trial.elsewhere, trial.rows[::-1])


def edges(trial: Trial) -> None:
    """Logits that tie, vanish or are huge: any action will do, the same in both workers."""
    rows = np.resize(trial.rows, 32)
    logits = trial.rng.choice(np.array(EDGE_LOGITS, np.float32), (32, trial.logits.shape[1]))
    logits[:4] = 0.0
    part = trial.observations.take(rows)
    if (trial.act(part, logits) != trial.elsewhere(part, logits)).any():
        raise CandidateFault("contract", "tied or extreme logits gave other actions in another process")


Test = Callable[[Trial], None]
TESTS: tuple[Test, ...] = (shuffled, repeated, split, elsewhere, edges)


def check_contract(
    sandbox: Sandbox,
    source: str,
    observations: Observations,
    logits: NDArray[np.float32],
    tests: Sequence[Test] = TESTS,
) -> NDArray[np.int8]:
    """Run a controller's tests and return its actions on the bank: (B,) int8.

    Args:
        sandbox: where it runs; two workers are opened and closed.
        source: the controller, already through the static screen.
        observations: the bank, B >= 1 rows, its boundary cases among them.
        logits: (B, A) float32.
        tests: what to hold it to.

    Raises:
        CandidateFault: layer "contract" where answers differ; "sandbox" or "protocol" where it fails on any row.
        SurroundingsError: the sandbox is gone.
    """
    rng = np.random.default_rng(int(sha256(source)[:16], 16))
    first = sandbox.open(source)
    try:
        head = slice(0, FIRST_ROWS)
        first.act(observations.take(head), logits[head])
        actions = first.act(observations, logits)
        second = sandbox.open(source)
        try:
            rows = rng.permutation(len(observations))[:REPLAY_ROWS].astype(np.int64)
            trial = Trial(first.act, second.act, observations, logits, actions, rows, rng)
            for test in tests:
                test(trial)
        finally:
            second.close()
    finally:
        first.close()
    return actions
