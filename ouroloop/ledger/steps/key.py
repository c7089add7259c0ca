"""The key of a step: the text that names it, the JSON-RPC method, and the record type of its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json, to_jsonable_python

from ouroloop.ledger.faults import damaged
from ouroloop.ledger.sqlite import Ledger, Step
from ouroloop.protocols.errors import LedgerError
from ouroloop.protocols.jsonrpc import one_line

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
        """Return the recorded result, or None; a step that ended in an error counts as none.

        Raises:
            LedgerError: the result is not of this step's form.
        """
        step = ledger.step(self.text)
        return None if step is None or step.failed else self.of(ledger, step)

    def read(self, ledger: Ledger) -> R:
        """Return the recorded result. Raises LedgerError if it is missing, which no run leaves behind."""
        found = self.find(ledger)
        if found is None:
            raise damaged(ledger.path, f"step {self.text} is missing")
        return found

    def of(self, ledger: Ledger, step: Step) -> R:
        """Return the record of a step like this one. Raises LedgerError if its result is not of this form."""
        text = step.result_text
        try:
            return self._read("null" if text is None else text)
        except ValidationError as error:
            raise damaged(ledger.path, f"step {step.key}: {one_line(error)}") from error

    def of_result(self, ledger: Ledger, key: str, result: object) -> R:
        """Return the record for a result in JSON, from the step with this key. Raises LedgerError if it is of another form."""
        try:
            return self.decoded(result)
        except ValidationError as error:
            raise damaged(ledger.path, f"step {key}: {one_line(error)}") from error

    def decoded(self, result: Any) -> R:
        """Return the record for a result in JSON. Raises ValidationError for another form.

        Strict, so that a text is no number; pydantic takes lists for tuples in strict mode only from JSON's bytes.
        """
        return self._read(to_json(result, inf_nan_mode="constants"))

    def _read(self, text: str | bytes) -> R:
        kind: Any = self.result
        found: R = _adapter(kind).validate_json(text, strict=True)
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
        if not step.failed:
            yield step.key, key.of(ledger, step)


def round_of(key: str) -> int:
    """Return the round of a step, from its key."""
    return number(key, 0)


def number(key: str, index: int) -> int:
    """Return a part of a step's key that is a number. Raises LedgerError if it is none."""
    found = part(key, index)
    if not (found.isascii() and found.isdigit() and len(found) < 10):
        raise LedgerError(
            f"part {index} of step {key[:80]!a} of the ledger is no number: it is damaged, so restore it from a copy"
        )
    return int(found)


def part(key: str, index: int) -> str:
    """Return a part of a step's key, counted from 0. Raises LedgerError if the key has fewer parts."""
    parts = key.split("/")
    if len(parts) <= index:
        raise LedgerError(f"step {key[:80]!a} of the ledger has no part {index}: it is damaged, so restore it from a copy")
    return parts[index]


@cache
def _adapter(result: Any) -> TypeAdapter[Any]:
    """Return the reader of a record. Its numbers are finite, even where an integer of JSON is too large for a float.

    Dataclasses take that rule from the type around them, so a union stands around the record, and None is refused again.
    """
    return TypeAdapter(Annotated[result | None, AfterValidator(_present)], config=ConfigDict(allow_inf_nan=False))


def _present(record: object) -> object:
    if record is None:
        raise ValueError("expected a result")
    return record
