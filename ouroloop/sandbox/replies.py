"""Reading a worker's replies without trusting any of them."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.guest.wire import BAD_ACTION, CANDIDATE_RAISED
from ouroloop.sandbox.limits import REPLY_ACTION_CAP, REPLY_BASE_CAP, REPLY_DEPTH_CAP

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_FOUND = re.compile(r"[A-Za-z0-9_ -]{1,40}")


def reply_cap(rows: int) -> int:
    """Return the most bytes that a reply to `rows` observations may have."""
    return REPLY_BASE_CAP + REPLY_ACTION_CAP * rows


def read_opened(frame: bytes, request_id: str, source: str) -> None:
    """Check the reply to `open_request`.

    Raises:
        CandidateFault: layer "sandbox" if the controller raised, "protocol" for anything but the one right reply.
    """
    if _result(frame, request_id, source, "loading the controller") is not True:
        _broken("the reply to `open` is not true")


def read_actions(frame: bytes, request_id: str, source: str, rows: int, actions: int) -> NDArray[np.int8]:
    """Return the actions of a reply: (rows,) int8.

    Raises:
        CandidateFault: layer "sandbox" if the controller raised, "protocol" for a bad action or anything but the one
            right reply.
    """
    result = _result(frame, request_id, source, "act")
    if type(result) is not list or len(result) != rows:
        _broken(f"expected a list of {rows} actions")
    for row, action in enumerate(result):
        if type(action) is not int or not 0 <= action < actions:
            _broken(f"row {row}: an action must be an int in 0..{actions - 1}")
    return np.array(result, dtype=np.int8)


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
    """Return a reply's result after checking its envelope; raise the fault that an error reply reports."""
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
    """Say where a controller raised, quoting only its own source, never text from the sandbox."""
    lines = source.split("\n")
    if type(line) is not int or not 1 <= line <= len(lines):
        return "outside the controller's lines"
    return f"at line {line}: {lines[line - 1].strip()[:120]}"
