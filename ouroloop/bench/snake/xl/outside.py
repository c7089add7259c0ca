"""A player outside: a program that is asked over JSON-RPC 2.0, a line for each message, on its standard input and output.

A question is a call of `policy.act` about some games at once, and the answer's result has an action for each of them:

    {"jsonrpc": "2.0", "id": 1, "method": "policy.act", "params": {"game": "snake", "settings": {"size": 6, "walls": 0.0},
     "actions": ["up", "down", "left", "right"], "games": [0, 4], "observations": [{...}, {...}]}}
    {"jsonrpc": "2.0", "id": 1, "result": {"actions": [3, 0]}}

`games` are numbers that stay the same while a board is played, for players that remember. A result may count the `tokens` that
the answer took. The program is started anew for each board, and its input is closed at the end.

The program is the user's own and is not confined. Its time, and the size of what it says, are bounded, so that a hang, a crash
or a flood ends the benchmark with one line that names it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from time import monotonic
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from ouroloop.protocols.canonical import canonical
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.jsonrpc import loads, one_line, request
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.secrets import redacted_line
from ouroloop.protocols.text import plain_line
from ouroloop.sandbox.link import LinkClosed, LinkTimeout
from ouroloop.sandbox.pipes import PipeLink, readable

METHOD: Final = "policy.act"
MOST_ANSWER: Final = 65_536
"""Bytes of an answer, at most; fifty actions need two hundred."""
MOST_TOKENS: Final = 10**9
TAIL: Final = 2000
"""Characters of the program's stderr that are kept, to say why it ended."""
GRACE_S: Final = 2.0
"""How long it may take to end once its input is closed."""


class PlayerFault(OuroloopError):
    """An outside player did not answer as it should; the message names the player, the question and what came instead."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the game with its settings, the names of its actions, and games by number with what is seen of them."""

    game: str
    settings: Mapping[str, float]
    actions: Sequence[str]
    games: Sequence[int]
    observations: Sequence[Mapping[str, object]]


class Acted(Frozen):
    """The result of `policy.act`."""

    actions: tuple[StrictInt, ...]
    tokens: StrictInt | None = Field(default=None, ge=0, le=MOST_TOKENS)


class Failed(BaseModel):
    """A JSON-RPC error."""

    model_config = ConfigDict(frozen=True)
    code: StrictInt
    message: str


class Lines(PipeLink):
    """Pipes that carry a message a line."""

    def __init__(self, requests: int, replies: int) -> None:
        super().__init__(requests, replies)
        self._kept = b""

    def line(self, most: int, deadline: float) -> bytes:
        """Return the next line. Raises LinkClosed, LinkTimeout, and ValueError for a line of more than `most` bytes."""
        while b"\n" not in self._kept:
            if len(self._kept) > most:
                raise ValueError
            if not readable(self._replies, max(0.0, deadline - monotonic())):
                raise LinkTimeout
            part = os.read(self._replies, 65_536)
            if not part:
                raise LinkClosed
            self._kept += part
        found, _, self._kept = self._kept.partition(b"\n")
        if len(found) > most:
            raise ValueError
        return found


class Outside:
    """A program that plays.

    Args:
        command: its words.
        timeout_s: for each answer.

    Raises:
        UsageError: the program cannot be started.
    """

    def __init__(self, command: Sequence[str], timeout_s: float) -> None:
        self._name, self._timeout_s, self._asked = plain_line(" ".join(command), 80), timeout_s, 0
        self.tokens: int | None = None
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                list(command), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
            )
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(f"the player `{self._name}` cannot be started ({said}): give a command that runs here") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._link = Lines(self._process.stdin.fileno(), self._process.stdout.fileno())
        self._said = b""
        self._listener = Thread(target=self._listen, name="player's stderr", daemon=True)
        self._listener.start()

    def act(self, question: Question) -> list[int]:
        """Return the actions, one for each game.

        Raises:
            PlayerFault: the program hangs, ended, said too much, or answered something else.
        """
        self._asked += 1
        params = {
            "game": question.game,
            "settings": dict(question.settings),
            "actions": list(question.actions),
            "games": list(question.games),
            "observations": [dict(seen) for seen in question.observations],
        }
        deadline = monotonic() + self._timeout_s
        try:
            self._link.send(canonical(request(METHOD, params, self._asked)) + b"\n", deadline)  # type: ignore[arg-type]
            answer = self._link.line(MOST_ANSWER, deadline)
        except LinkTimeout:
            raise self._fault(f"no answer within {self._timeout_s:g} s") from None
        except LinkClosed:
            raise self._fault(self._end()) from None
        except ValueError:
            raise self._fault(f"an answer of more than {MOST_ANSWER} bytes without an end of line") from None
        return self._actions(answer, question)

    def _actions(self, answer: bytes, question: Question) -> list[int]:
        try:
            message = loads(answer)
        except ValueError as error:
            shown = plain_line(answer[:200].decode(errors="replace"), 60)
            raise self._fault(f"{shown!r} is no JSON ({plain_line(str(error), 80)})") from None
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not {"result", "error"} & message.keys():
            raise self._fault('expected {"jsonrpc": "2.0", "id": ..., "result": ...}, found ' + plain_line(repr(message), 80))
        if message.get("id") != self._asked or isinstance(message["id"], bool):
            raise self._fault(f"the answer has id {plain_line(repr(message.get('id')), 40)}, the question has {self._asked}")
        try:
            if "error" in message:
                failed = Failed.model_validate(message["error"])
                raise self._fault(f"error {failed.code}: {plain_line(failed.message, 120)}")
            acted = Acted.model_validate(message["result"])
        except ValidationError as error:
            raise self._fault(plain_line(one_line(error), 160)) from None
        if len(acted.actions) != len(question.games):
            raise self._fault(f"{len(acted.actions)} actions for {len(question.games)} games")
        for game, action in zip(question.games, acted.actions, strict=True):
            if not 0 <= action < len(question.actions):
                last = len(question.actions) - 1
                raise self._fault(f"game {game}: action {plain_line(str(action), 20)}, expected 0 to {last}")
        if acted.tokens is not None:
            self.tokens = (self.tokens or 0) + acted.tokens
        return list(acted.actions)

    def close(self) -> None:
        """End the program: its input is closed, and what is left of it after a while is killed; safe to call twice."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its children too, if it left some
        self._process.wait()
        self._listener.join(GRACE_S)

    def _fault(self, said: str) -> PlayerFault:
        return PlayerFault(f"player `{self._name}`, question {self._asked}: {said}")

    def _end(self) -> str:
        """Return how the program ended, with the last line of its stderr."""
        try:
            code = self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        self._listener.join(GRACE_S)
        last = self._said.decode(errors="replace").strip().rpartition("\n")[2]
        return f"it ended with exit code {code}" + (f" ({redacted_line(last, 160)})" if last else "")

    def _listen(self) -> None:
        """Keep the end of what the program says on stderr."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while part := stream.read(65_536):
                self._said = (self._said + part)[-TAIL:]
