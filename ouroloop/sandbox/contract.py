"""The controller's contract, tested in the sandbox: the same observation and logits always give the same action.

The controller gets one bank of positions several times: in another order, row by row, twice, and in a second worker. A
controller that remembers, counts, or depends on its process answers differently somewhere. A test sees only the triggers that
it pulls: what the bank does not contain is left to the gate and the watch.
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
"""Rows of the first batch, so that a hung controller is found on a small budget."""
REPLAY_ROWS = 256
"""Rows that each test replays, a sample of the bank."""
EDGE_LOGITS = (0.0, -0.0, 1e-38, -1e-38, 50.0, -50.0)
"""Tied, tiny and large logits, whose `exp` is still a finite number."""

Act = Callable[[Observations, NDArray[np.float32]], NDArray[np.int8]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A controller in use on its bank.

    Args:
        act: asks the first worker.
        elsewhere: asks the second worker, which has not seen anything yet.
        observations: B rows.
        logits: (B, A) float32.
        actions: (B,) int8, the first worker's answers, with which the others are compared.
        rows: (R,) int64, the rows to replay, in random order.
        rng: seeded by the controller's source, so that its verdict is always the same.
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
            CandidateFault: layer "contract", if an answer differs.
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
    """Logits that tie, vanish or are huge: any action is fine, but it must be the same in both workers."""
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
        source: the controller, which has passed the static screen.
        observations: the bank, B >= 1 rows, including its boundary cases.
        logits: (B, A) float32.
        tests: the tests to run.

    Raises:
        CandidateFault: layer "contract" if answers differ; "sandbox" or "protocol" if it fails on any row.
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
