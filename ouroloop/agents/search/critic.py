"""The critic turns measured facts into findings, heaviest first. It measures nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from ouroloop.protocols.messages import DiagnoseReply, DiagnoseRequest, Diagnosis, Finding
from ouroloop.protocols.records import Ending, Frozen, Mode

FAILED = "controller_error"
"""The cause of an end when the controller failed; no game declares it."""
FAILURE = Ending(kind="blunder", finding="controller_errors", doc="are lost because the controller failed")
ANSWERS: dict[str, Mode] = {"blunder": "bug_fix", "idle": "reward_patch"}
"""Kind of end -> the mode that answers it."""


class CriticConfig(Frozen):
    """Thresholds: each is the smallest share or value worth a finding.

    Args:
        cause: share of games that end by one cause.
        avoidable: share of lost games whose last move the oracle would not have made.
        regret: mean oracle regret per decision.
        zero_variance: share of training groups whose members all have the same reward.
        kl: nats between the trained policy and its reference.
        clip_fraction: share of training's ratios that were clipped.
        entropy: the policy's entropy below which it hardly explores.
    """

    cause: float = Field(default=0.03, ge=0, le=1)
    avoidable: float = Field(default=0.1, ge=0, le=1)
    regret: float = Field(default=0.08, ge=0, le=1)
    gain: float = Field(default=0.01, description="a training that gained less than this has stalled")
    zero_variance: float = Field(default=0.5, ge=0, le=1)
    kl: float = Field(default=1.5, gt=0)
    clip_fraction: float = Field(default=0.3, gt=0, le=1)
    entropy: float = Field(default=0.05, ge=0)


class SearchCritic:
    """Answers `critic.diagnose` by rules; its config holds their thresholds."""

    name = "search-critic"
    method: ClassVar[str] = "critic.diagnose"
    Config: ClassVar[type[CriticConfig]] = CriticConfig
    Request: ClassVar[type[DiagnoseRequest]] = DiagnoseRequest
    Reply: ClassVar[type[DiagnoseReply]] = DiagnoseReply

    def __init__(self, config: CriticConfig) -> None:
        """Keep the thresholds."""
        self.config = config

    async def act(self, request: DiagnoseRequest) -> DiagnoseReply:
        """Return the findings that follow from the facts, heaviest first."""
        facts = request.facts
        ends = {cause: request.endings.get(cause) or _unknown(cause) for cause in facts.deaths}
        found = [*self._deaths(facts, ends), *self._decisions(facts, ends), *self._training(facts)]
        return DiagnoseReply(findings=tuple(sorted(found, key=lambda f: (-f.weight, f.name))))

    def _deaths(self, facts: Diagnosis, ends: Mapping[str, Ending]) -> Iterator[Finding]:
        lost = 1 - facts.win_rate
        for cause, share in facts.deaths.items():
            end = ends[cause]
            if end.kind in ANSWERS and share >= self.config.cause:
                told = f"{_percent(share)} of {facts.games} games {end.doc}"
                yield _finding(end.finding, share, told, ANSWERS[end.kind])
        if lost > 0 and facts.avoidable >= self.config.avoidable:
            yield _finding(
                "avoidable_deaths",
                facts.avoidable * lost,
                f"in {_percent(facts.avoidable)} of lost games another last move would not have lost: avoidable deaths",
            )
        trapped = sum(share for cause, share in facts.deaths.items() if ends[cause].trap) * (1 - facts.avoidable)
        if trapped >= self.config.cause:
            yield _finding(
                "trapped",
                trapped,
                f"{_percent(trapped)} of games end with no way out: trapped in too little space before the last move",
            )

    def _decisions(self, facts: Diagnosis, ends: Mapping[str, Ending]) -> Iterator[Finding]:
        for phase, regret in facts.regret.items():
            if regret >= self.config.regret:
                yield _finding(f"{phase}_regret", regret, f"mean oracle regret {regret:.2f} per decision in the {phase} game")
        calm = 1 - sum(share for cause, share in facts.deaths.items() if ends[cause].kind in ANSWERS)
        idle = any(share >= self.config.cause for cause, share in facts.deaths.items() if ends[cause].kind == "idle")
        small = [r for r in facts.regret.values() if 0.25 * self.config.regret <= r]
        if small and (calm > 0.5 or idle):
            yield _finding(
                "detours",
                min(small),
                f"games last but waste moves on detours: long ways to the next food, regret {min(small):.2f}",
            )

    def _training(self, facts: Diagnosis) -> Iterator[Finding]:
        health, made = facts.training, facts.trainings
        if not health:
            rejected = f"no candidate trained under a designed reward stands, of {made} so far"
            yield _finding("training_stalled", 1.0, rejected if made else "no training under a designed reward yet")
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


def _unknown(cause: str) -> Ending:
    """Return the ending for a cause that the game does not describe: it counts as a loss."""
    if cause == FAILED:
        return FAILURE
    return Ending(kind="blunder", finding=f"lost_by_{cause}", doc=f"end by {cause.replace('_', ' ')}")


def _finding(name: str, weight: float, evidence: str, mode: Mode | None = None) -> Finding:
    return Finding(name=name, weight=round(max(0.0, min(1.0, weight)), 4), evidence=evidence, mode=mode)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
