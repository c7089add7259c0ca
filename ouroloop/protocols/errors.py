"""The errors of the project, one type per boundary.

`exit_code` is what the command line returns: 1 the thing asked about failed, 2 bad input, 3 the surroundings are
missing. Every message names the thing, what was found, what was expected and what to do.
"""

from __future__ import annotations


class OuroloopError(Exception):
    """Any error that the project raises on purpose."""

    exit_code = 1


class UsageError(OuroloopError, ValueError):
    """Bad input from the user: a recipe, an option, a run directory, an impossible board."""

    exit_code = 2


class SurroundingsError(OuroloopError):
    """Something outside the project is missing or full: a sandbox, a model server, the disk."""

    exit_code = 3


class LedgerError(UsageError):
    """A ledger that is damaged, locked, or of another version."""


class RoleError(OuroloopError):
    """A role failed to answer: its own exception, a reply of the wrong form, or a model that did not answer."""


class ModelError(RoleError):
    """A model endpoint refused, timed out or answered nonsense."""


class TrainingError(OuroloopError):
    """A training run that cannot go on: NaN loss, a spec that is not finite."""


class CandidateFault(OuroloopError):
    """A candidate did what it must not; it becomes a rejected verdict, never a crash.

    Args:
        layer: the layer that found it, one of `protocols.records.LAYERS`.
        reason: one line, at most 300 characters, control characters stripped.
        row: which of the positions asked about the controller failed at, by what it answered; None where the worker itself
            failed, or nothing was asked yet.
    """

    def __init__(self, layer: str, reason: str, row: int | None = None) -> None:
        """Keep the layer, the one-line reason and the row."""
        clean = "".join(c if c.isprintable() else " " for c in reason)[:300]
        super().__init__(f"{layer}: {clean}")
        self.layer = layer
        self.reason = clean
        self.row = row
