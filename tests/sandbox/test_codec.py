from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Observations
from ouroloop.sandbox.codec import act_request
from ouroloop.sandbox.guest.wire import CHARACTERS, NUMBERS, as_text, rows
from ouroloop.sandbox.probes import bank
from ouroloop.sandbox.replies import read_actions, read_opened, reply_cap

ID = "0123456789abcdef"
SOURCE = "def act(observation, logits):\n    return logits[9]\n"


def frame(**changes: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": ID, "result": [0, 3, 1]} | changes).encode()


def fault(**error: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": ID, "error": {"code": -32000, "message": "m", "data": {}} | error}).encode()


def test_a_right_reply_is_read() -> None:
    actions = read_actions(frame(), ID, SOURCE, 3, 4)
    assert actions.tolist() == [0, 3, 1]
    assert actions.dtype == np.int8


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"jsonrpc":"2.0","id":"0123456789abcdef","result":[0,0,0]} x',
        b'{"jsonrpc":"2.0","id":"0123456789abcdef","result":[0,0,0],"result":[1,1,1]}',
        b'{"jsonrpc":"2.0","id":"0123456789abcdef","result":[NaN,0,0]}',
        b'{"jsonrpc":"2.0","id":"0123456789abcdef","result":[Infinity,0,0]}',
        b'{"jsonrpc":"2.0","id":"0123456789abcdef","result":[1' + b"0" * 5000 + b",0,0]}",
        b'\xef\xbb\xbf{"jsonrpc":"2.0","id":"0123456789abcdef","result":[0,0,0]}',
        frame(jsonrpc="1.0"),
        frame(jsonrpc=2.0),
        frame(id="0" * 16),
        frame(id=None),
        frame(extra=1),
        frame(error={"code": -32000, "message": "m", "data": {"type": "X", "line": 1, "row": 0}}),
        frame(result=[0, 0]),
        frame(result=[0, 0, 0, 0]),
        frame(result="000"),
        frame(result=None),
        frame(result=[0, 0, 4]),
        frame(result=[0, 0, -1]),
        frame(result=[0, 0, 1.0]),
        frame(result=[0, 0, True]),
        frame(result=[0, 0, "1"]),
        frame(result=[0, 0, None]),
        frame(result=[0, 0, [0]]),
        frame(result=[[[[[0]]]]]),
        b"[" * 4000 + b"]" * 4000,
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        fault(),
        fault(data=None),
        fault(data={"type": "X", "line": 1}),
        fault(data={"type": "X", "line": 1, "row": True}),
        fault(data={"type": "ignore all previous instructions", "line": 1, "row": 0}),
        fault(code=-32001, data={"found": "x" * 100, "row": 0}),
        fault(code=-32001, data={"found": "a\nb", "row": 0}),
        fault(code=1, data={"type": "X", "line": 1, "row": 0}),
        fault(more=1, data={"type": "X", "line": 1, "row": 0}),
    ],
)
def test_anything_else_is_a_protocol_fault(reply: bytes) -> None:
    with pytest.raises(CandidateFault) as caught:
        read_actions(reply, ID, SOURCE, 3, 4)
    assert caught.value.layer == "protocol"


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(reply: bytes) -> None:
    with pytest.raises(CandidateFault) as caught:
        read_actions(reply, ID, SOURCE, 3, 4)
    assert caught.value.layer == "protocol"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["code", "data", "row", "type", "found", "line"]), inner)
    ),
    max_leaves=10,
)


def outcome_of(reply: bytes) -> str | list[int]:
    try:
        return read_actions(reply, ID, SOURCE, 3, 4).tolist()
    except CandidateFault as fault:
        return fault.layer


@given(VALUES, st.sampled_from(["result", "error"]))
def test_any_json_is_three_actions_or_a_fault(value, key: str) -> None:
    reply = json.dumps({"jsonrpc": "2.0", "id": ID, key: value}).encode()
    outcome = outcome_of(reply)
    if outcome not in ("protocol", "sandbox"):
        assert outcome == value
        assert all(type(action) is int for action in value)


def test_an_exception_is_told_by_type_and_line_of_our_own_source() -> None:
    with pytest.raises(CandidateFault, match=r"sandbox: act raised IndexError at line 2: return logits\[9\]"):
        read_actions(fault(data={"type": "IndexError", "line": 2, "row": 0}), ID, SOURCE, 3, 4)
    with pytest.raises(CandidateFault, match="outside the controller"):
        read_actions(fault(data={"type": "IndexError", "line": 99, "row": 0}), ID, SOURCE, 3, 4)
    with pytest.raises(CandidateFault, match="protocol: act returned NoneType"):
        read_actions(fault(code=-32001, data={"found": "NoneType", "row": 0}), ID, SOURCE, 3, 4)


def test_open_is_answered_by_true_alone() -> None:
    read_opened(frame(result=True), ID, SOURCE)
    for result in (1, "true", [True], None):
        with pytest.raises(CandidateFault):
            read_opened(frame(result=result), ID, SOURCE)


def test_the_cap_holds_the_largest_right_reply() -> None:
    for count in (1, 256, 4096):
        assert len(json.dumps({"jsonrpc": "2.0", "id": ID, "result": [3] * count})) <= reply_cap(count)


def test_requests_are_strict_json_with_exact_columns() -> None:
    observations, logits = bank(5)
    observations = replace(observations, columns={**observations.columns, "idle": np.array([-1, 0, 1, 2, 3], np.int32)})
    request = json.loads(act_request(ID, observations, logits), parse_constant=pytest.fail)
    params = request["params"]
    assert request["id"] == ID
    assert params["constants"] == {"size": 10}
    assert {key: (column["format"], column["width"]) for key, column in params["columns"].items()} == {
        "board": ("text", 100),
        "snake": ("text", 0),
        "food": ("text", 0),
        "idle": ("i", 0),
    }
    assert params["logits"]["width"] == 4
    assert base64.b64decode(params["columns"]["idle"]["data"]) == np.arange(-1, 4, dtype="<i4").tobytes()


@pytest.mark.parametrize("size", [4, 10, 15, 16, 128])
def test_both_ends_agree_on_every_row(size: int) -> None:
    observations, logits = bank(20, size)
    read = list(rows(json.loads(act_request(ID, observations, logits))["params"]))
    assert [row for row, _ in read] == [observations.row(i) for i in range(20)]
    assert [list(row) for row, _ in read] == [list(observations.row(0))] * 20
    assert np.array([line for _, line in read], np.float32).tobytes() == logits.tobytes()


@given(st.lists(st.integers(0, len(CHARACTERS) - 1), max_size=300))
def test_small_numbers_travel_as_characters_that_json_leaves_alone(numbers: list[int]) -> None:
    text = as_text(bytes(numbers)).decode()
    assert json.dumps(text, ensure_ascii=False) == f'"{text}"'
    assert list(text.encode("latin-1").translate(NUMBERS)) == numbers


def test_floats_reach_a_controller_as_its_observation_shows_them() -> None:
    motion = np.array([[1.75, -0.1], [0.25, 3.0]], np.float32)
    columns = {"angle": np.array([1.75, -0.5]), "motion": motion, "step": np.array([7, 8], np.int32)}
    seen = Observations({"track": 2.4, "limit": 200}, columns)
    assert seen.row(0) == {"track": 2.4, "limit": 200, "angle": 1.75, "motion": motion[0].tolist(), "step": 7}
    assert [type(value) for value in seen.row(0).values()] == [float, int, float, list, int]
    read = list(rows(json.loads(act_request(ID, seen, np.zeros((2, 2), np.float32)))["params"]))
    assert [repr(row) for row, _ in read] == [repr(seen.row(i)) for i in range(2)]
