"""The errors of the project, one type per boundary.

The command line returns `exit_code`: 1 if the operation failed, 2 for bad input, 3 if something around the project is
missing. Every message names the thing, what was found, what was expected and what to do.
"""

from __future__ import annotations

from ouroloop.protocols.prices import Tokens
from ouroloop.protocols.text import plain_line


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
    """A ledger is damaged, locked, or of another version."""


class RoleError(OuroloopError):
    """A role failed to answer: its own exception, a reply of the wrong form, or a model that did not answer.

    Args:
        message: one line.
        lost: the replies that yielded nothing: (reason, text or None) of each.
        kind: the type's name of what the role's own code raised; by default that of this error.
    """

    def __init__(self, message: str, lost: tuple[tuple[str, str | None], ...] = (), kind: str | None = None) -> None:
        """Keep the message, the lost replies and the kind."""
        super().__init__(message)
        self.lost = lost
        self.kind = kind or type(self).__name__


class ModelError(RoleError):
    """A model endpoint refused, timed out or answered nonsense.

    Args:
        message: one line.
        lost: see `RoleError`.
        used: the tokens of a reply that holds no answer; the endpoint charges for them all the same.
    """

    def __init__(self, message: str, lost: tuple[tuple[str, str | None], ...] = (), *, used: Tokens | None = None) -> None:
        """Keep the message, the lost replies and the tokens."""
        super().__init__(message, lost)
        self.used = used or Tokens()


class TrainingError(OuroloopError):
    """A training run cannot continue: the loss is NaN, or a spec is not finite."""


class CandidateFault(OuroloopError):
    """A candidate did something forbidden; this becomes a rejected verdict, never a crash.

    Args:
        layer: the layer that found the fault, one of `protocols.records.LAYERS`.
        reason: one line, cut to 300 characters, with hidden characters written as escapes (`text.plain_line`).
        row: the index of the asked position at which the controller's answer failed; None if the worker itself failed, or
            nothing had been asked yet.
    """

    def __init__(self, layer: str, reason: str, row: int | None = None) -> None:
        """Keep the layer, the one-line reason and the row."""
        clean = plain_line(reason)
        super().__init__(f"{layer}: {clean}")
        self.layer = layer
        self.reason = clean
        self.row = row
