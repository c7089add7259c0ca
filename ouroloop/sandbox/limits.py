"""The limits of a sandbox and of its channel, in one place."""

from __future__ import annotations

from dataclasses import dataclass

REQUEST_CAP = 16 << 20
"""Bytes of one request frame; the host splits batches long before that."""
REPLY_BASE_CAP = 4096
"""Bytes of a reply frame without actions; each action adds `REPLY_ACTION_CAP`."""
REPLY_ACTION_CAP = 8
REPLY_DEPTH_CAP = 4
BATCH_ROWS = 256
"""Most rows per frame; larger batches travel as several frames."""
BATCH_BYTES = 2 << 20
"""Most bytes of raw columns per frame."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use. Times are processor time of the native interpreter; the WASM worker converts them to fuel.

    Args:
        memory_mb: memory of the controller's interpreter.
        load_s: time to load a controller.
        batch_s: time granted to every batch, whatever its size.
        decision_s: additional time for each decision.
        cell_s: additional time for each number in an observation, so that large boards get more.
        wall_factor: wall-clock time over processor time at which the host kills the worker. It is the last resort, and
            generous, because a loaded machine must not turn a good controller into a bad one.
        grace_s: additional wall-clock time.
        start_s: wall-clock time for a worker to come up.
    """

    memory_mb: int = 192
    load_s: float = 0.4
    batch_s: float = 0.4
    decision_s: float = 0.002
    cell_s: float = 20e-6
    wall_factor: float = 4.0
    grace_s: float = 2.0
    start_s: float = 60.0

    def budget_s(self, rows: int, cells: int) -> float:
        """Return the processor time of a batch of `rows` observations of `cells` numbers each."""
        return self.batch_s + rows * (self.decision_s + cells * self.cell_s)

    def deadline_s(self, budget_s: float, slowdown: float = 1.0) -> float:
        """Return the wall-clock time after which a worker with that budget is killed, whatever it does.

        Args:
            budget_s: processor time of the native interpreter.
            slowdown: processor time of the worker over that of the native interpreter.
        """
        return budget_s * slowdown * self.wall_factor + self.grace_s
