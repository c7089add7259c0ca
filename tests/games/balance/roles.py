"""Roles for a run of the balance game, with fixed answers."""

from __future__ import annotations

from typing import ClassVar

from ouroloop.protocols.messages import PatchProposal, PatchReply, PatchRequest, RewardProposal, RewardReply, RewardRequest
from ouroloop.protocols.records import Frozen

STEADY = """\"\"\"Catches a pole that falls; the policy decides while it stands.\"\"\"

from toolkit import falling


def act(observation, logits):
    if abs(observation["angle"]) > 0.005:
        return falling(observation)
    return 0 if logits[0] >= logits[1] else 1
"""
UPRIGHT = '{"terms": [{"name": "rights", "expr": "righted", "weight": 1.0, "clip": 1.0}], "gamma_r": 0.5}'


class NoConfig(Frozen):
    """Nothing to set."""


class Rewarder:
    """Proposes to reward whatever rights the pole."""

    name = "balance-rewarder"
    method: ClassVar[str] = "reward.design"
    Config: ClassVar[type[NoConfig]] = NoConfig
    Request: ClassVar[type[RewardRequest]] = RewardRequest
    Reply: ClassVar[type[RewardReply]] = RewardReply

    def __init__(self, config: NoConfig) -> None:
        pass

    async def act(self, request: RewardRequest) -> RewardReply:
        assert set(request.features) == {"upright", "lost", "righted", "drift"}
        return RewardReply(proposals=(RewardProposal(spec=UPRIGHT, rationale="an upright pole lasts"),))


class Steadier:
    """Proposes a controller that catches the pole; it is asked with the game's actions and tools."""

    name = "balance-steadier"
    method: ClassVar[str] = "patch.propose"
    Config: ClassVar[type[NoConfig]] = NoConfig
    Request: ClassVar[type[PatchRequest]] = PatchRequest
    Reply: ClassVar[type[PatchReply]] = PatchReply

    def __init__(self, config: NoConfig) -> None:
        pass

    async def act(self, request: PatchRequest) -> PatchReply:
        assert request.actions == ("left", "right")
        assert "falling" in {tool.name for tool in request.toolkit}
        return PatchReply(proposals=(PatchProposal(text=STEADY, rationale="catch it early"),))
