from __future__ import annotations

import json
import struct
from time import monotonic

import pytest

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.link import Fate, LinkClosed, LinkTimeout
from ouroloop.sandbox.probes import GREEDY, bank
from ouroloop.sandbox.session import WorkerSession


class ScriptedLink:
    """Answers each request with the next item: an action for every row, raw bytes, or an event."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.inbox, self.closed, self.asked = [True, *answers], bytearray(), 0, []

    def send(self, data: bytes, deadline: float) -> None:
        size, budget_us = struct.unpack("<IQ", data[:12])
        request = json.loads(data[12:])
        assert len(data) == 12 + size
        self.asked.append((request["id"], budget_us))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, bytes):
            reply = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": answer}).encode()
            answer = struct.pack("<I", len(reply)) + reply
        self.inbox += answer

    def receive(self, size: int, deadline: float) -> bytes:
        assert size < 1 << 16
        if len(self.inbox) < size:
            raise LinkTimeout
        data = bytes(self.inbox[:size])
        del self.inbox[:size]
        return data

    def pending(self) -> bool:
        return bool(self.inbox)

    def fate(self) -> Fate:
        return "gone"

    def close(self) -> None:
        self.closed += 1

    def gone(self) -> bool:
        return self.closed > 0


def session(link: ScriptedLink) -> WorkerSession:
    return WorkerSession(link, GREEDY, 4, Limits())


def test_ids_are_fresh_and_budgets_grow_with_the_batch() -> None:
    link = ScriptedLink([0], [1] * 8)
    worker = session(link)
    worker.act(*bank(1))
    worker.act(*bank(8))
    assert len({request_id for request_id, _ in link.asked}) == 3
    assert link.asked[2][1] - link.asked[1][1] == round(7 * (0.002 + 202 * 20e-6) * 1e6)


def test_large_batches_travel_in_parts_and_come_back_in_order() -> None:
    link = ScriptedLink([0] * 256, [1] * 256, [2] * 8)
    assert session(link).act(*bank(520)).tolist() == [0] * 256 + [1] * 256 + [2] * 8


@pytest.mark.parametrize(
    ("answer", "layer"),
    [
        (struct.pack("<I", 0xFFFFFFFF), "protocol"),
        (struct.pack("<I", 0), "protocol"),
        (struct.pack("<I", 5000), "protocol"),
        (struct.pack("<I", 20) + b"half", "sandbox"),
        (b"\x01", "sandbox"),
        (struct.pack("<I", 2) + b"{}", "protocol"),
        ([7], "protocol"),
        (LinkClosed(), "sandbox"),
        (LinkTimeout(), "sandbox"),
    ],
)
def test_a_fault_ends_the_worker_for_good(answer: object, layer: str) -> None:
    link = ScriptedLink(answer)
    worker = session(link)
    with pytest.raises(CandidateFault) as caught:
        worker.act(*bank(1))
    assert caught.value.layer == layer
    assert link.closed == 1
    with pytest.raises(CandidateFault, match="closed"):
        worker.act(*bank(1))
    worker.close()
    assert link.closed == 1


def test_a_second_reply_is_refused_at_once_and_later() -> None:
    link = ScriptedLink([0], [0])
    worker = session(link)
    link.answers[0] = _framed({"jsonrpc": "2.0", "id": "x", "result": [3]}) * 2
    with pytest.raises(CandidateFault, match="bytes after"):
        worker.act(*bank(1))
    link = ScriptedLink([0], [0])
    worker = session(link)
    worker.act(*bank(1))
    link.inbox += b"late"
    with pytest.raises(CandidateFault, match="nobody asked"):
        worker.act(*bank(1))


def _framed(value: object) -> bytes:
    data = json.dumps(value).encode()
    return struct.pack("<I", len(data)) + data


def test_deadlines_lie_ahead_by_the_wall_factor() -> None:
    seen = []

    class Watching(ScriptedLink):
        def receive(self, size: int, deadline: float) -> bytes:
            seen.append(deadline - monotonic())
            return super().receive(size, deadline)

    WorkerSession(Watching(), GREEDY, 4, Limits(load_s=1.0, wall_factor=3.0), slowdown=5.0)
    assert 16.0 < seen[0] <= 17.0
