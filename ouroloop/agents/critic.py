"""The critic: from measured facts to findings, heaviest first. It measures nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from ouroloop.protocols.messages import DiagnoseReply, DiagnoseRequest, Diagnosis, Finding
from ouroloop.protocols.records import Frozen

CAUSES = {
    "wall": ("hits_wall", "end by running into a wall or the border"),
    "body": ("hits_body", "end by running into the own body"),
    "controller_error": ("controller_errors", "are lost because the controller failed"),
    "starved": ("starves", "end starved: idle too long without reaching food"),
}


class CriticConfig(Frozen):
    """Thresholds, each the smallest share or value worth a finding."""

    cause: float = Field(default=0.03, ge=0, le=1)
    avoidable: float = Field(default=0.1, ge=0, le=1)
    regret: float = Field(default=0.08, ge=0, le=1)
    gain: float = Field(default=0.01, description="a training that gained less than this has stalled")
    zero_variance: float = Field(default=0.5, ge=0, le=1)
    kl: float = Field(default=1.5, gt=0)
    clip_fraction: float = Field(default=0.3, gt=0, le=1)
    entropy: float = Field(default=0.05, ge=0)
    wins: tuple[str, ...] = ("won", "win")


class SearchCritic:
    """Answers `critic.diagnose` by rules whose thresholds are its config."""

    name = "search-critic"
    method: ClassVar[str] = "critic.diagnose"
    Config: ClassVar[type[CriticConfig]] = CriticConfig
    Request: ClassVar[type[DiagnoseRequest]] = DiagnoseRequest
    Reply: ClassVar[type[DiagnoseReply]] = DiagnoseReply

    def __init__(self, config: CriticConfig) -> None:
        """Keep the thresholds."""
        self.config = config

    async def act(self, request: DiagnoseRequest) -> DiagnoseReply:
        """Return what follows from the facts."""
        facts = request.facts
        found = [*self._deaths(facts), *self._decisions(facts), *self._training(facts.training)]
        return DiagnoseReply(findings=tuple(sorted(found, key=lambda f: (-f.weight, f.name))))

    def _deaths(self, facts: Diagnosis) -> Iterator[Finding]:
        lost = 1 - facts.win_rate
        for cause, share in facts.deaths.items():
            if cause not in self.config.wins and share >= self.config.cause:
                name, text = CAUSES.get(cause, (f"lost_by_{cause}", f"end by {cause.replace('_', ' ')}"))
                yield _finding(name, share, f"{_percent(share)} of {facts.games} games {text}")
        if lost > 0 and facts.avoidable >= self.config.avoidable:
            yield _finding(
                "avoidable_deaths",
                facts.avoidable * lost,
                f"in {_percent(facts.avoidable)} of lost games another last move would not have lost: avoidable deaths",
            )
        body = facts.deaths.get("body", 0.0) * (1 - facts.avoidable)
        if body >= self.config.cause:
            yield _finding(
                "trapped",
                body,
                f"{_percent(body)} of games end with no way out: trapped in too little space before the last move",
            )

    def _decisions(self, facts: Diagnosis) -> Iterator[Finding]:
        for phase, regret in facts.regret.items():
            if regret >= self.config.regret:
                yield _finding(f"{phase}_regret", regret, f"mean oracle regret {regret:.2f} per decision in the {phase} game")
        calm = 1 - sum(share for cause, share in facts.deaths.items() if cause not in self.config.wins)
        small = [r for r in facts.regret.values() if 0.25 * self.config.regret <= r]
        if small and (calm > 0.5 or facts.deaths.get("starved", 0) >= self.config.cause):
            yield _finding(
                "detours",
                min(small),
                f"games last but waste moves on detours: long ways to the next food, regret {min(small):.2f}",
            )

    def _training(self, health: dict[str, float]) -> Iterator[Finding]:
        if not health:
            yield _finding("training_stalled", 1.0, "no training under a designed reward yet")
            return
        gain = health.get("reward_gain", health.get("gain"))
        if gain is not None and gain < self.config.gain:
            yield _finding("training_stalled", 0.5, f"the last training gained {gain:+.3f}, less than {self.config.gain:g}")
        high = {"zero_variance": self.config.zero_variance, "kl": self.config.kl, "clip_fraction": self.config.clip_fraction}
        text = {
            "zero_variance": "of groups have equal rewards, so no gradient: the reward is too sparse",
            "kl": "nats from the reference policy: the reward pulls too hard",
            "clip_fraction": "of updates are clipped: the reward pulls too hard",
        }
        for key, limit in high.items():
            if health.get(key, 0.0) > limit:
                name = key if key == "zero_variance" else f"{key}_high"
                weight = health[key] if key == "zero_variance" else health[key] / limit - 1
                yield _finding(name, weight, f"{health[key]:.2f} {text[key]}")
        if health.get("entropy", 1.0) < self.config.entropy:
            yield _finding("entropy_low", 0.3, f"entropy {health['entropy']:.3f}: the policy no longer explores")


def _finding(name: str, weight: float, evidence: str) -> Finding:
    return Finding(name=name, weight=round(max(0.0, min(1.0, weight)), 4), evidence=evidence)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
