"""What is fuzzed: everything of the host that reads what a candidate wrote. Each target lets only its declared errors pass."""

from __future__ import annotations

import contextlib
import json
import struct

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.text import hidden
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.link import Fate, LinkClosed
from ouroloop.sandbox.probes import GREEDY, bank
from ouroloop.sandbox.screen.diff import apply_diff, check_paths, make_diff
from ouroloop.sandbox.screen.edits import apply_edits, read_edits
from ouroloop.sandbox.screen.reply import read_reply
from ouroloop.sandbox.screen.static import static_screen
from ouroloop.sandbox.session import WorkerSession
from tests.sandbox.fuzz import frozen

BASES = (GREEDY, "a\n", "a\nb\n\na\nb\n", "".join(f"line {i}\n" for i in range(1, 30)))
ROWS = 3
OBSERVATIONS, LOGITS = bank(ROWS, 4)
REASON_CAP = 2000
BYTES_CAP = 1 << 16
"""Most bytes that the frame reader may take from a link before it refuses: far less than a frame may claim to hold."""


def diff(text: str) -> None:
    """Read an answer and apply what it holds, both as the reply reader sees it and as a bare diff or bare blocks."""
    base = BASES[len(text) % len(BASES)]
    with contextlib.suppress(CandidateFault):
        payload = read_reply(text)
        if payload.kind == "edits":
            apply_edits(list(payload.edits), base)
    with contextlib.suppress(CandidateFault):
        apply_edits(read_edits(text)[0], base)
    with contextlib.suppress(CandidateFault):
        check_paths(text)
    with contextlib.suppress(CandidateFault):
        result = apply_diff(text, base)
        # What was applied can be said again, and comes to the same.
        again = make_diff(base, result)
        assert not again or apply_diff(again, base) == result


def screen(text: str) -> None:
    """Take an answer through all static layers."""
    with contextlib.suppress(CandidateFault):
        static_screen(text, GREEDY)


def replies(text: str) -> None:
    """Take a mutated answer through all static layers: the same outcome each time, and nothing hidden in what comes through."""
    base = GREEDY if len(text) % 4 else f'"""Plays."""\n\n{GREEDY}'
    source, reason = outcome = _outcome(text, base)
    assert len(text) % 5 or _outcome(text, base) == outcome, "the screen decided two ways"
    assert not any(hidden(char) for char in source.replace("\ufe0f", "")), "hidden text came through"
    assert len(reason) <= REASON_CAP, "a reason too long for a table"


def _outcome(text: str, base: str) -> tuple[str, str]:
    """Return the source that comes through, or the reason against it."""
    try:
        return static_screen(text, base).source, ""
    except CandidateFault as fault:
        return "", f"{fault.layer}: {fault.reason}"


class Spoken:
    """A link whose worker answers `open` rightly and any other request with the fuzzed bytes.

    `$ID` in them stands for the request's id, which a real worker knows.
    """

    def __init__(self) -> None:
        self.said, self.inbox, self.taken = b"", bytearray(), 0

    def send(self, data: bytes, deadline: float) -> None:
        """Answer."""
        request = json.loads(data[12:])
        if request["method"] == "open":
            reply = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": True}).encode()
            self.inbox += struct.pack("<I", len(reply)) + reply
        else:
            self.inbox += self.said.replace(b"$ID", request["id"].encode())

    def receive(self, size: int, deadline: float) -> bytes:
        """Hand out bytes; at their end the worker is gone."""
        self.taken += size
        assert self.taken < BYTES_CAP, "more was asked for than a reply may hold"
        if len(self.inbox) < size:
            raise LinkClosed
        data = bytes(self.inbox[:size])
        del self.inbox[:size]
        return data

    def pending(self) -> bool:
        """Whether anything is left."""
        return bool(self.inbox)

    def fate(self) -> Fate:
        """It just ended."""
        return "gone"

    def close(self) -> None:
        """Nothing to free."""

    def gone(self) -> bool:
        """Nothing ran."""
        return True


LINK = Spoken()
SESSION = WorkerSession(LINK, GREEDY, 4, Limits())


def frames(said: bytes) -> None:
    """Let a session read what a worker might say, framed as it is and framed rightly."""
    for data in (said, struct.pack("<I", len(said)) + said):
        LINK.said, LINK.taken = data, 0
        LINK.inbox.clear()
        SESSION._alive = True
        with contextlib.suppress(CandidateFault):
            actions = SESSION.act(OBSERVATIONS, LOGITS)
            assert actions.shape == (ROWS,)
            assert all(0 <= action < 4 for action in actions.tolist())


TEXT_TARGETS = {"diff": diff, "screen": screen, "replies": replies}
NAMES = (*TEXT_TARGETS, "frames", "frozen")


def feed(name: str, data: bytes) -> None:
    """Run a target on raw bytes; texts are what Python makes of them when it reads a file with stray bytes."""
    if name == "frames":
        frames(data)
    elif name == "frozen":
        frozen.check(data)
    else:
        TEXT_TARGETS[name](data.decode("utf-8", "surrogateescape"))
