"""What both ends of the channel agree on: frames, error codes, and how a batch of observations travels.

The worker begins with an empty frame, which says that it is ready. A request is its length, the processor time granted in
microseconds, and that many bytes; a reply is its length and bytes. Both carry one JSON-RPC 2.0 object. A batch travels as
columns of `{"format", "width", "data"}`: numbers 0..221 as a character each, others as base64 of little-endian arrays.

Standard library only: it is shipped to the worker.
"""

from __future__ import annotations

import binascii
import itertools
import struct
from collections.abc import Iterable, Iterator
from typing import Any

REQUEST = struct.Struct("<IQ")
REPLY = struct.Struct("<I")
READY = REPLY.pack(0)
CANDIDATE_RAISED = -32000
BAD_ACTION = -32001

TEXT = "text"
"""The format of numbers that travel as a character each; reading it takes a third of the time of base64."""
CHARACTERS = bytes(code for code in range(0x20, 0x100) if code not in b'"\\')
"""Number -> its character in Latin-1: those that JSON needs not escape, in order."""
NUMBERS = bytes(max(0, CHARACTERS.find(code)) for code in range(256))
"""Character -> its number."""


def as_text(numbers: bytes) -> bytes:
    """Return numbers below `len(CHARACTERS)` as their characters, in UTF-8."""
    codes = numbers.translate(CHARACTERS.ljust(256))
    return codes if codes.isascii() else codes.decode("latin-1").encode()


def rows(params: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[float]]]:
    """Yield each row's dict and logits. Every list is made once, for one row: a controller may write on its own.

    Rows are put together by the interpreter's own iterators alone: a statement of Python for each would cost more.
    """
    constants, columns, lengths = params["constants"], params["columns"], params["lengths"]
    keys = itertools.repeat((*constants, *columns))
    values = zip(  # noqa: B905 (constants repeat for ever)
        *map(itertools.repeat, constants.values()), *(unpack(column, lengths.get(key)) for key, column in columns.items())
    )
    return zip(map(dict, map(zip, keys, values)), unpack(params["logits"]))  # noqa: B905


def unpack(column: dict[str, Any], lengths: dict[str, Any] | None = None) -> Iterable[Any]:
    """Return a column's values: numbers, or a list for each row. Ragged rows travel end to end, with their `lengths`."""
    numbers = numbers_of(column)
    if lengths is not None:
        ends = list(itertools.accumulate(numbers_of(lengths)))
        return map(list(numbers).__getitem__, map(slice, [0, *ends], ends))
    width = column["width"]
    return map(list, zip(*[iter(numbers)] * width)) if width else numbers  # noqa: B905


def numbers_of(column: dict[str, Any]) -> Iterable[Any]:
    """Return a column's numbers in one row."""
    text: str = column["data"]
    if column["format"] == TEXT:
        return text.encode("latin-1").translate(NUMBERS)
    data = binascii.a2b_base64(text)
    return data if column["format"] == "B" else memoryview(data).cast(column["format"]).tolist()
