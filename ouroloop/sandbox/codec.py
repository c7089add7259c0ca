"""The host's half of the channel: requests go out, replies come in, and nothing that comes back is believed.

JSON-RPC 2.0, one object a frame, as `wire` describes. A batch travels as the columns of `Observations`; the worker makes each
row's dict.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Observations
from ouroloop.sandbox.guest.wire import BAD_ACTION, CANDIDATE_RAISED, CHARACTERS, TEXT, as_text
from ouroloop.sandbox.limits import REPLY_ACTION_CAP, REPLY_BASE_CAP, REPLY_DEPTH_CAP
from ouroloop.sandbox.screen.vocabulary import BUILTINS, EXCEPTIONS, MODULES

_FORMATS = {
    "i1": "b",
    "u1": "B",
    "b1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f4": "f",
    "f8": "d",
}
"""numpy kind and size -> `memoryview` format."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_FOUND = re.compile(r"[A-Za-z0-9_ -]{1,40}")


def open_request(request_id: str, source: str, actions: int) -> bytes:
    """Return the request that loads a controller."""
    modules = {name: sorted(names) for name, names in MODULES.items()}
    names = sorted(BUILTINS | EXCEPTIONS)
    params = {"source": source, "actions": actions, "builtins": names, "modules": modules}
    return _request(request_id, "open", _json(params))


def act_request(request_id: str, observations: Observations, logits: NDArray[np.float32]) -> bytes:
    """Return the request for one batch of B observations and logits (B, A)."""
    columns = {key: _pack(column, observations.lengths.get(key)) for key, column in observations.columns.items()}
    parts = {
        "constants": _json(dict(observations.constants)),
        "columns": _object_of(columns),
        "lengths": _object_of({key: _pack(column) for key, column in observations.lengths.items()}),
        "logits": _pack(logits.astype(np.float32, copy=False)),
    }
    return _request(request_id, "act", _object_of(parts))


def reply_cap(rows: int) -> int:
    """Return the most bytes that a reply to `rows` observations may have."""
    return REPLY_BASE_CAP + REPLY_ACTION_CAP * rows


def read_opened(frame: bytes, request_id: str, source: str) -> None:
    """Check the reply to `open_request`.

    Raises:
        CandidateFault: layer "sandbox" where the controller raised, "protocol" for anything but the one right reply.
    """
    if _result(frame, request_id, source, "loading the controller") is not True:
        _broken("the reply to `open` is not true")


def read_actions(frame: bytes, request_id: str, source: str, rows: int, actions: int) -> NDArray[np.int8]:
    """Return the actions of a reply: (rows,) int8.

    Raises:
        CandidateFault: layer "sandbox" where the controller raised, "protocol" for a bad action or anything but the one
            right reply.
    """
    result = _result(frame, request_id, source, "act")
    if type(result) is not list or len(result) != rows:
        _broken(f"expected a list of {rows} actions")
    for row, action in enumerate(result):
        if type(action) is not int or not 0 <= action < actions:
            _broken(f"row {row}: an action must be an int in 0..{actions - 1}")
    return np.array(result, dtype=np.int8)


def _request(request_id: str, method: str, params: bytes) -> bytes:
    """Return a request's bytes, its parameters being JSON already."""
    return _object_of({"jsonrpc": b'"2.0"', "id": _json(request_id), "method": _json(method), "params": params})


def _json(value: object) -> bytes:
    """Return a value as strict JSON."""
    return json.dumps(value, allow_nan=False).encode()


def _object_of(parts: Mapping[str, bytes]) -> bytes:
    """Return the JSON object whose values are JSON already: a batch's columns need no second look for what to escape."""
    return b"{%b}" % b",".join(b"%b:%b" % (_json(key), part) for key, part in parts.items())


def _pack(column: NDArray[Any], lengths: NDArray[Any] | None = None) -> bytes:
    """Return a column (B,) or (B, W) as JSON: its format, width and data; width 0 for one number a row, or for ragged rows.

    Of ragged rows only the true parts travel, end to end.
    """
    width = 0 if column.ndim == 1 or lengths is not None else column.shape[1]
    if lengths is not None:
        column = column[np.arange(column.shape[1], dtype=np.int32) < lengths.astype(np.int32, copy=False)[:, None]]
    if column.size and column.dtype.kind in "iub" and column.min() >= 0 and column.max() < len(CHARACTERS):
        form, data = TEXT, as_text(column.astype(np.uint8, copy=False).tobytes())
    else:
        little = np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<"), copy=False))
        form, data = _FORMATS[f"{column.dtype.kind}{column.dtype.itemsize}"], base64.b64encode(little.tobytes())
    return b'{"format":"%b","width":%d,"data":"%b"}' % (form.encode(), width, data)


def _broken(reason: str) -> NoReturn:
    """Refuse a reply."""
    raise CandidateFault("protocol", f"reply refused: {reason}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing duplicate keys."""
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("duplicate keys")
    return out


def _constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which JSON does not have."""
    raise ValueError(f"the constant {name}")


def _parse(frame: bytes) -> dict[str, Any]:
    """Return the frame's one JSON object."""
    try:
        text = frame.decode("utf-8", "strict")
        depth = deepest = 0
        for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
            depth += 1 if bracket in "[{" else -1
            deepest = max(deepest, depth)
        if deepest > REPLY_DEPTH_CAP:
            _broken(f"nested {deepest} deep, at most {REPLY_DEPTH_CAP}")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise CandidateFault("protocol", f"reply refused: not the JSON expected ({type(error).__name__})") from error
    if type(value) is not dict:
        _broken("not an object")
    return value


def _result(frame: bytes, request_id: str, source: str, doing: str) -> object:
    """Return a reply's result after checking its envelope; raise the fault that an error reply tells of."""
    reply = _parse(frame)
    if reply.get("jsonrpc") != "2.0" or reply.get("id") != request_id:
        _broken("wrong version or id")
    if set(reply) == {"jsonrpc", "id", "result"}:
        return reply["result"]
    if set(reply) != {"jsonrpc", "id", "error"} or type(reply["error"]) is not dict:
        _broken("neither a result nor an error")
    error = reply["error"]
    data = error.get("data")
    if set(error) != {"code", "message", "data"} or type(data) is not dict:
        _broken("an error of unknown form")
    row = data.get("row")
    if type(row) is not int or not -1 <= row < 1 << 20:
        _broken("an error without a row")
    at = row if row >= 0 else None
    if error["code"] == BAD_ACTION and _FOUND.fullmatch(str(data.get("found"))):
        raise CandidateFault("protocol", f"act returned {data['found']} (row {row}); expected an int that is an action", at)
    if error["code"] == CANDIDATE_RAISED and _WORD.fullmatch(str(data.get("type"))):
        raise CandidateFault("sandbox", f"{doing} raised {data['type']} {_place(source, data.get('line'))}", at)
    return _broken("an error of unknown code")


def _place(source: str, line: object) -> str:
    """Say where a controller raised, quoting its own source, never text that came out of the sandbox."""
    lines = source.split("\n")
    if type(line) is not int or not 1 <= line <= len(lines):
        return "outside the controller's lines"
    return f"at line {line}: {lines[line - 1].strip()[:120]}"
