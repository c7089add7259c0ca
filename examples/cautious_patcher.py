"""A code patcher from outside the package: it asks before every move whether a safer one is there.

It keeps the controller as it is and puts one guard in front of it: the controller's move is played if it passes a test of
the toolkit, otherwise the best rated move that does. Which test is its only choice; each is proposed once.
"""

from __future__ import annotations

import ast
import difflib
import re
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ouroloop.protocols.messages import PatchProposal, PatchReply, PatchRequest

GUARD = """

def act(observation, logits):
    move = {inner}(observation, logits)
    if {test}(observation, move):
        return move
    for other in sorted(range({actions}), key=lambda other: -logits[other]):
        if {test}(observation, other):
            return other
    return move
"""


class CautiousConfig(BaseModel):
    """Which tests to leave out, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    without: tuple[str, ...] = ()


class CautiousPatcher:
    """Answers `patch.propose` with one guarded controller per test of the toolkit."""

    name = "cautious-patcher"
    method: ClassVar[str] = "patch.propose"
    Config: ClassVar[type[CautiousConfig]] = CautiousConfig
    Request: ClassVar[type[PatchRequest]] = PatchRequest
    Reply: ClassVar[type[PatchReply]] = PatchReply

    def __init__(self, config: CautiousConfig) -> None:
        """Keep the config."""
        self.config = config

    async def act(self, request: PatchRequest) -> PatchReply:
        """Return at most `count` diffs, none of them tried before."""
        tried = {t.source for t in request.tried}
        tests = [tool.name for tool in request.toolkit if tool.kind == "test" and tool.name not in self.config.without]
        guarded = [(test, guard(request.source, test, len(request.actions))) for test in tests]
        fresh = [(test, source) for test, source in guarded if source not in tried]
        proposals = [PatchProposal(text=diff(request.source, new), rationale=f"ask {test} first") for test, new in fresh]
        return PatchReply(proposals=tuple(proposals[: request.count]))


def guard(source: str, test: str, actions: int) -> str:
    """Return the controller with its `act` renamed and a guarded one put after it."""
    taken = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    inner = next(name for name in ("chosen", *(f"chosen_{n}" for n in range(2, 100))) if name not in taken)
    renamed = re.sub(r"^def act\(", f"def {inner}(", source, flags=re.MULTILINE)
    if not re.search(rf"^from toolkit import .*\b{test}\b", renamed, flags=re.MULTILINE):
        renamed = f"from toolkit import {test}\n{'' if renamed.startswith('from ') else chr(10) * 2}{renamed}"
    return renamed.rstrip("\n") + "\n" + GUARD.format(inner=inner, test=test, actions=actions)


def diff(old: str, new: str) -> str:
    """Return the unified diff of two controllers."""
    return "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "a/controller.py", "b/controller.py"))
