"""The host's half of the channel: requests go out, replies come in, and no reply is trusted.

JSON-RPC 2.0, one object per frame, as `wire` describes. A batch travels as the columns of `Observations`; the worker builds the
dict of each row.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.records import Observations
from ouroloop.sandbox.guest.wire import CHARACTERS, TEXT, as_text
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


def _request(request_id: str, method: str, params: bytes) -> bytes:
    """Return a request's bytes; its parameters are already JSON."""
    return _object_of({"jsonrpc": b'"2.0"', "id": _json(request_id), "method": _json(method), "params": params})


def _json(value: object) -> bytes:
    """Return a value as strict JSON."""
    return json.dumps(value, allow_nan=False).encode()


def _object_of(parts: Mapping[str, bytes]) -> bytes:
    """Return a JSON object from values that are already JSON: a batch's columns need not be searched for text to escape."""
    return b"{%b}" % b",".join(b"%b:%b" % (_json(key), part) for key, part in parts.items())


def _pack(column: NDArray[Any], lengths: NDArray[Any] | None = None) -> bytes:
    """Return a column (B,) or (B, W) as JSON: its format, width and data; width 0 for one number per row, or for ragged rows.

    Ragged rows travel without their padding, end to end.
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
