"""The key of a step: the text that names it, the JSON-RPC method, and the record type of its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from ouroloop.ledger.sqlite import Ledger

R = TypeVar("R")
FIRST_ROUND: Final = 1
"""Rounds count from 1 everywhere: in keys of steps, ids of candidates, documents, options and on the screen."""


@dataclass(frozen=True, slots=True)
class Key(Generic[R]):
    """One step, recorded or still to come.

    Args:
        text: its name in the ledger.
        method: the JSON-RPC method.
        result: the frozen dataclass of its result.
    """

    text: str
    method: str
    result: type[R]

    def once(self, ledger: Ledger, params: object, work: Callable[[], R]) -> R:
        """Return the recorded result, or do the work and record its result.

        Args:
            ledger: the run's ledger.
            params: the params of the message: JSON, or a record.
            work: makes the result.

        Raises:
            LedgerError: the key is recorded with another method or other params.
        """
        return self.decoded(ledger.once(self.text, self.method, encoded(params), lambda: encoded(work())))

    def record(self, ledger: Ledger, params: object, result: R) -> None:
        """Record a finished step. Raises LedgerError if a different step is recorded under its key."""
        ledger.record(self.text, self.method, encoded(params), encoded(result))

    def find(self, ledger: Ledger) -> R | None:
        """Return the recorded result, or None; a step that ended in an error counts as none."""
        step = ledger.step(self.text)
        return None if step is None or step.error is not None else self.decoded(step.result)

    def read(self, ledger: Ledger) -> R:
        """Return the recorded result; if it is missing, an invariant is broken."""
        found = self.find(ledger)
        assert found is not None, f"step {self.text} is not recorded"
        return found

    def decoded(self, result: Any) -> R:
        """Return the record for a result in JSON."""
        kind: Any = self.result
        found: R = _adapter(kind).validate_python(result)
        return found


def encoded(value: object) -> Any:
    """Return the JSON for a record."""
    return to_jsonable_python(value)


def every(ledger: Ledger, key: Key[R], pattern: str = "*") -> Iterator[tuple[str, R]]:
    """Yield keys and results of all steps like the given one, in the order they were recorded, without those that failed.

    Args:
        ledger: the run's ledger.
        key: gives the method and the result type; its text is ignored.
        pattern: pattern of the keys, with `*` for anything.
    """
    for step in ledger.steps(pattern, (key.method,)):
        if step.error is None:
            yield step.key, key.decoded(step.result)


def round_of(key: str) -> int:
    """Return the round of a step, from its key."""
    return int(key.split("/")[0])


@cache
def _adapter(result: Any) -> TypeAdapter[Any]:
    return TypeAdapter(result)
