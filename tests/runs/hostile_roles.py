"""Roles that do whatever ends, fills, fools or stalls a run that trusts them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from typing import Any, ClassVar

from pydantic import BaseModel

from ouroloop.protocols.errors import LedgerError, ModelError, RoleError
from ouroloop.protocols.messages import PatchReply, PatchRequest
from ouroloop.protocols.records import Frozen


class NoConfig(Frozen):
    """Nothing to set."""


class Patcher:
    """Answers `patch.propose`; each kind of hostility is a subclass."""

    name = "hostile"
    method: ClassVar[str] = "patch.propose"
    Config: ClassVar[type[NoConfig]] = NoConfig
    Request: ClassVar[type[PatchRequest]] = PatchRequest
    Reply: ClassVar[type[PatchReply]] = PatchReply

    def __init__(self, config: NoConfig | None = None) -> None:
        pass

    async def act(self, request: PatchRequest) -> Any:
        return self.answer()

    def answer(self) -> Any:
        return proposals("def act(observation, logits):\n    return 0\n")


def proposals(*texts: Any) -> dict[str, Any]:
    return {"proposals": [{"text": text, "rationale": ""} for text in texts]}


def raising(error: BaseException) -> type[Patcher]:
    class Raises(Patcher):
        def answer(self) -> Any:
            raise error

    return Raises


def returning(reply: Any) -> type[Patcher]:
    class Returns(Patcher):
        def answer(self) -> Any:
            return reply() if callable(reply) else reply

    return Returns


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit(0)


class Odd(BaseException):
    pass


class FalseRoleError(RoleError):
    lost: Any = 7  # type: ignore[assignment]

    def __init__(self) -> None:
        pass

    def __str__(self) -> str:
        return "x" * 10_000_000


class Tricky(PatchReply):
    def model_dump(self, **_: Any) -> Any:
        raise KeyboardInterrupt


class Endless(BaseModel):
    def model_dump(self, **_: Any) -> Any:
        while True:
            pass


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def recursing() -> Any:
    return recursing()


def circle() -> Any:
    found: dict[str, Any] = {}
    found["proposals"] = found
    return found


class Blocks(Patcher):
    def answer(self) -> Any:
        time.sleep(600)


class Spins(Patcher):
    """Spins, and catches the first exceptions that are to stop it."""

    def answer(self) -> Any:
        for _ in range(2):
            try:
                while True:
                    pass
            except BaseException:
                continue
        while True:
            pass


class Waits(Patcher):
    async def act(self, request: PatchRequest) -> Any:
        await asyncio.Event().wait()


class IgnoresCancelling(Patcher):
    async def act(self, request: PatchRequest) -> Any:
        while True:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                continue


class Plain(Patcher):
    def act(self, request: PatchRequest) -> Any:  # type: ignore[override]
        return self.answer()


class BadRequest(Patcher):
    class Request(PatchRequest):  # type: ignore[misc]
        def __init__(self, **data: Any) -> None:
            raise SystemExit(3)

        @classmethod
        def model_validate(cls, *_: Any, **__: Any) -> Any:
            raise SystemExit(3)


class BadName(Patcher):
    @property
    def name(self) -> str:  # type: ignore[override]
        raise SystemExit(4)

    def answer(self) -> Any:
        raise ValueError("after all")


class FixedChat(Patcher):
    @property
    def chat(self) -> Any:
        raise SystemExit(5)


class Prints(Patcher):
    def answer(self) -> Any:
        print("from Python")
        sys.__stdout__.write("from the real stdout\n")
        os.write(1, b"from the descriptor\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()
        return super().answer()


class Lingers(Patcher):
    """Waits for a thread of the loop's own pool, which the interpreter would wait for at its end."""

    async def act(self, request: PatchRequest) -> Any:
        await asyncio.to_thread(time.sleep, 600)


ENDING = {
    "SystemExit": (raising(SystemExit(0)), "SystemExit"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
    "GeneratorExit": (raising(GeneratorExit()), "GeneratorExit"),
    "CancelledError": (raising(asyncio.CancelledError()), "CancelledError"),
    "StopIteration": (raising(StopIteration(3)), "StopIteration"),
    "a BaseException of its own": (raising(Odd("x")), "Odd: x"),
    "MemoryError": (raising(MemoryError()), "MemoryError"),
    "the ledger's own error": (raising(LedgerError("damaged")), "LedgerError: damaged"),
    "a model's error": (raising(ModelError("no \x1b[2J answer")), r"no \\x1b\[2J answer"),
    "an error without a text": (raising(Unspeakable()), "cannot be shown"),
    "an error of 10 MB": (raising(ValueError("x" * 10_000_000)), "ValueError: xxx"),
    "a role error that is none": (raising(FalseRoleError()), "TypeError"),
    "a lone surrogate in its error": (raising(ValueError("a\ud800b")), "ValueError: a"),
    "endless recursion": (returning(recursing), "RecursionError"),
    "not a coroutine": (Plain, "TypeError"),
    "nothing": (returning(None), "returned a NoneType, expected a PatchReply"),
    "a number": (returning(7), "returned a int, expected a PatchReply"),
    "a list": (returning([1, 2]), "returned a list"),
    "no proposals": (returning({}), "proposals"),
    "an unknown key": (returning({"proposals": [], "mood": 1}), "mood"),
    "proposals of another type": (returning({"proposals": "many"}), "proposals"),
    "what is no JSON": (returning({"proposals": {1, 2}}), "not JSON serializable"),
    "NaN": (returning({"proposals": [], "lost": float("nan")}), "not JSON compliant"),
    "a circle": (returning(circle), "ValueError"),
    "deep nesting": (returning(lambda: {"proposals": nested(100_000)}), "nested too deeply"),
    "300 MB": (returning(lambda: {"proposals": ["x" * 300_000_000]}), "at most 32000000 are taken"),
    "a reply that ends the process as it is read": (returning(lambda: Tricky(proposals=())), "KeyboardInterrupt"),
    "a request that ends the process as it is read": (BadRequest, "SystemExit: 3"),
    "a name that ends the process": (BadName, "ValueError: after all"),
    "a chat model that ends the process": (FixedChat, "chat model cannot be recorded"),
}
"""What ends a question with an error: the role, and what the error says."""
STALLING = {
    "blocks": Blocks,
    "spins and catches": Spins,
    "waits for ever": Waits,
    "ignores cancelling": IgnoresCancelling,
    "never lets its reply be read": returning(lambda: Endless()),
}
LOSING = {
    "64 for 1": (proposals(*(f"patch {i}" for i in range(64))), ["patch 0", "patch 1"], "only 2 were asked for"),
    "200 for 1": (proposals(*(f"patch {i}" for i in range(200))), ["patch 0", "patch 1"], "only 2 were asked for"),
    "a text of 1 MB": (proposals("x" * 1_000_000, "fine"), ["fine"], "at most 200000"),
    "a number for a text": (proposals(7, "fine"), ["fine"], "valid string"),
    "no object": ({"proposals": [None, 1, "x"]}, [], "PatchProposal"),
    "a rationale of 10 kB": ({"proposals": [{"text": "a", "rationale": "x" * 10_000}]}, [], "at most 2000"),
    "an unknown key": ({"proposals": [{"text": "a", "rationale": "", "verdict": "accepted"}]}, [], "verdict"),
    "none at all": ({"proposals": []}, [], "holds no proposal"),
    "told losses": (
        {"proposals": [], "lost": [{"reason": "no \x1b[2Jidea", "text": "y" * 9000}, 3, {"reason": 7}]}, [], r"no \x1b[2Jidea",
    ),
    "half an emoji": (proposals("a\ud83d"), ["a\ufffd"], ""),
}  # fmt: skip
"""Replies of which something is taken: the reply, the texts that are, and a reason among the lost."""
