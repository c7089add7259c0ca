"""Roles that say what would move a terminal's cursor, set its clipboard, turn its text around, or pass for markup."""

from __future__ import annotations

from typing import ClassVar

from ouroloop.protocols.messages import (
    DiagnoseReply,
    DiagnoseRequest,
    Finding,
    PatchProposal,
    PatchReply,
    PatchRequest,
    RewardProposal,
    RewardReply,
    RewardRequest,
)
from ouroloop.protocols.records import Frozen

SPELL = (
    "[move] [/INST] [bold red]x[/] :smile: [link=http://x]y[/link] "
    "\x1b[2J\x1b]0;title\x07\x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\ \x1b]52;c;cm0=\x07 \x9b31m\x9d0;t\x9c \r\x08\x7f "
    "\u202egnirts\u202c \u2066a\u2069 \u200b\u00ad\ufeff \U000e0041\U000e0100 \u115f\u3164 \u2028line\u2029 \x85 \x00"
)
"""What every role says."""
PATCH = f"def act(observation, logits):\n    return 0  # {SPELL}\n"


class NoConfig(Frozen):
    """Nothing to set."""


class Critic:
    """Finds hostile things, none of them heavy, so that both kinds of candidates are asked for."""

    name = "hostile"
    method: ClassVar[str] = "critic.diagnose"
    Config: ClassVar[type[NoConfig]] = NoConfig
    Request: ClassVar[type[DiagnoseRequest]] = DiagnoseRequest
    Reply: ClassVar[type[DiagnoseReply]] = DiagnoseReply

    def __init__(self, config: NoConfig) -> None:
        pass

    async def act(self, request: DiagnoseRequest) -> DiagnoseReply:
        return DiagnoseReply(findings=(Finding(name=SPELL, weight=0.0, evidence=SPELL),))


class Designer(Critic):
    """Designs rewards that are none."""

    method: ClassVar[str] = "reward.design"
    Request: ClassVar[type[RewardRequest]] = RewardRequest
    Reply: ClassVar[type[RewardReply]] = RewardReply

    async def act(self, request: RewardRequest) -> RewardReply:
        spec = '{"terms": [{"name": "a", "expr": "[move] + \\u001b", "weight": 1.0}]}'
        texts = (SPELL, spec, '{"[/INST]": 1}')
        return RewardReply(proposals=tuple(RewardProposal(spec=text, rationale=SPELL) for text in texts))


class Patcher(Critic):
    """Sends patches that no screen takes, some with a hostile reason."""

    method: ClassVar[str] = "patch.propose"
    Request: ClassVar[type[PatchRequest]] = PatchRequest
    Reply: ClassVar[type[PatchReply]] = PatchReply

    async def act(self, request: PatchRequest) -> PatchReply:
        raising = "def act(observation, logits):\n    [][len('[/INST]')]\n    return 0\n"
        texts = (PATCH, SPELL, raising, "--- a\n+++ b\n@@ [move] @@\n")
        return PatchReply(proposals=tuple(PatchProposal(text=text, rationale=SPELL) for text in texts))


class Failing(Patcher):
    """Fails with a hostile message."""

    async def act(self, request: PatchRequest) -> PatchReply:
        raise RuntimeError(SPELL)
