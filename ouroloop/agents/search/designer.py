"""The reward designer by search: it breeds specs from the incumbent and earlier tries, guided by the diagnosis.

It composes terms from the request's feature names and docs alone. It draws a feature more often if its words match the
findings' words, and if earlier specs that used it did well. The sign of a weight starts from the sense of the feature's
words and then follows the evidence. Half of the proposals change the incumbent by one step; the others are bold.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from ouroloop.agents.known import told, usable_rewards
from ouroloop.agents.search.breeder import Breeder, alone, genes, spec_key, spec_text
from ouroloop.agents.search.evidence import credit, generator
from ouroloop.agents.spaces import RewardSpace
from ouroloop.protocols.messages import Finding, RewardProposal, RewardReply, RewardRequest, Wished
from ouroloop.protocols.records import Frozen


class DesignerConfig(Frozen):
    """How the search draws.

    Args:
        bold: share of proposals that leave the incumbent's neighbourhood.
        max_terms: the most terms of a bold spec.
        attempts: draws per proposal before the search stops looking for a new one.
        space: what mode `meta_learn` searches, in place of composing terms: a spec in which weights, `gamma_r` and the loss
            may be ranges `[low, high]`, and terms `optional`.
    """

    bold: float = Field(default=0.5, ge=0, le=1)
    max_terms: int = Field(default=5, ge=1, le=16)
    attempts: int = Field(default=60, ge=1, le=1000)
    space: RewardSpace | None = None


class SearchDesigner:
    """Answers `reward.design` by evolutionary search over specs."""

    name = "search-designer"
    method: ClassVar[str] = "reward.design"
    Config: ClassVar[type[DesignerConfig]] = DesignerConfig
    Request: ClassVar[type[RewardRequest]] = RewardRequest
    Reply: ClassVar[type[RewardReply]] = RewardReply

    def __init__(self, config: DesignerConfig) -> None:
        """Keep the config."""
        self.config = config

    async def act(self, request: RewardRequest) -> RewardReply:
        """Return up to `count` different specs, none of them tried before, half of them from the library; or granted wishes."""
        rng = generator(request.seed, "reward.design")
        if request.wishes:
            return RewardReply(proposals=tuple(self._granted(request, one, rng) for one in request.wishes))
        known = usable_rewards(request)[: -(-request.count // 2)]
        proposals = [
            RewardProposal(spec=spec_text(spec), rationale=f"{request.mode}: {told(entry)}", origin=entry.origin)
            for entry, spec in known
        ]
        if self.config.space is not None and request.mode == "meta_learn":
            return RewardReply(proposals=(*proposals, *drawn(self.config.space, request, rng, request.count - len(known))))
        seen = {spec_key(t.reward) for t in request.tried if t.reward is not None} | {spec_key(request.incumbent)}
        seen |= {spec_key(spec) for _, spec in known}
        shapes: set[frozenset[str]] = set()
        for index in range(len(known), request.count):
            bold = index >= round(request.count * (1 - self.config.bold))
            breeder = Breeder(request, rng, bold, self.config.max_terms)
            for attempt in range(self.config.attempts):
                spec, why = breeder.breed()
                shape = frozenset(genes(spec, request.features))
                # In the first half of the draws, a spec must also use a set of features that is new in this batch.
                if spec_key(spec) not in seen and (shape not in shapes or attempt > self.config.attempts // 2):
                    seen.add(spec_key(spec))
                    shapes.add(shape)
                    proposals.append(
                        RewardProposal(spec=spec_text(spec), rationale=f"{request.mode}: {why}{_because(request)}")
                    )
                    break
        return RewardReply(proposals=tuple(proposals))

    def _granted(self, request: RewardRequest, wished: Wished, rng: random.Random) -> RewardProposal:
        """Return a reward that fines what a patcher wants less of, found by the words of its wish."""
        wish = wished.wish
        finding = Finding(name=wish.objective[:100], weight=1.0, evidence=(" ".join(wish.constraints) or wish.objective)[:2000])
        diagnosis = request.diagnosis.model_copy(update={"findings": (finding, *request.diagnosis.findings)})
        changed = request.model_copy(update={"diagnosis": diagnosis, "mode": "reward_patch"})
        spec, why = Breeder(changed, rng, False, self.config.max_terms).breed()
        said = f"{request.mode}: {why}, as the author of {wished.candidate} wants"
        return RewardProposal(spec=spec_text(spec), rationale=said)


def drawn(space: RewardSpace, request: RewardRequest, rng: random.Random, count: int) -> Iterator[RewardProposal]:
    """Yield draws from a space: from all of it, and half of them from near the best tried spec of it that has gained."""
    tried = [(credit(t), t.reward) for t in alone(request) if t.reward is not None and space.holds(t.reward)]
    worth, best = max(tried, key=lambda pair: pair[0], default=(0.0, None))
    near = count // 2 if best is not None and worth > 0 else 0
    for spec in space.draws(rng, count - near):
        yield RewardProposal(spec=spec_text(spec), rationale=f"{request.mode}: drawn from the given space")
    for spec in space.around(best).draws(rng, near) if best is not None else ():
        why = f"{request.mode}: drawn from the given space, near one that gained {worth:+.3f}"
        yield RewardProposal(spec=spec_text(spec), rationale=why)


def _because(request: RewardRequest) -> str:
    heaviest = request.diagnosis.findings[:2]
    return f" (because of {', '.join(f'{f.name} {f.weight:.2f}' for f in heaviest)})" if heaviest else ""
