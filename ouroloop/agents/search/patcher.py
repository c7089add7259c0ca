"""The code patcher by search: it breeds controllers from the current one and earlier tries, guided by the diagnosis.

It composes the tools of the request's toolkit by their kinds alone. It draws a tool more often if its words match the
findings' words, and if earlier controllers that used it did well. Nothing here knows which composition plays best.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, TypeAlias

from pydantic import Field

from ouroloop.agents.known import told, usable_patches
from ouroloop.agents.search.composer import ARGMAX, LOGITS, Plan, Proposal, Rank, diff, parts, render, tools
from ouroloop.agents.search.evidence import affinities, credit, generator, lead, lessons, pick, polarity
from ouroloop.agents.search.plan_reader import read
from ouroloop.protocols.messages import PatchProposal, PatchReply, PatchRequest, Wish
from ouroloop.protocols.records import Frozen

Edit: TypeAlias = Callable[[Plan], Plan]

FACTORS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


class PatcherConfig(Frozen):
    """How the search draws.

    Args:
        bold: share of proposals that take several steps at once.
        max_filters: the most tests in a controller.
        max_proposals: the most proposing tools in a controller.
        attempts: draws per proposal before the search stops looking for a new one.
    """

    bold: float = Field(default=0.5, ge=0, le=1)
    max_filters: int = Field(default=4, ge=1, le=16)
    max_proposals: int = Field(default=3, ge=1, le=16)
    attempts: int = Field(default=60, ge=1, le=1000)


class SearchPatcher:
    """Answers `patch.propose` by evolutionary search over composed controllers."""

    name = "search-patcher"
    method: ClassVar[str] = "patch.propose"
    Config: ClassVar[type[PatcherConfig]] = PatcherConfig
    Request: ClassVar[type[PatchRequest]] = PatchRequest
    Reply: ClassVar[type[PatchReply]] = PatchReply

    def __init__(self, config: PatcherConfig) -> None:
        """Keep the config."""
        self.config = config

    async def act(self, request: PatchRequest) -> PatchReply:
        """Return up to `count` different diffs against the source, none of them tried before, half of them from the library.

        If no plan renders to the source (another role wrote it), the diff replaces all of it with a composed controller.
        """
        seen = {request.source, render(ARGMAX, len(request.actions))} | {t.source for t in request.tried if t.source}
        breeder = Breeder(request, self.config)
        known = usable_patches(request)[: -(-request.count // 2)]
        seen |= {source for _, source in known}
        proposals = [
            PatchProposal(
                text=diff(request.source, source),
                rationale=f"{request.mode}: {told(entry)}",
                reward=entry.reward.model_dump_json() if entry.reward is not None and request.wishes else None,
                origin=entry.origin,
            )
            for entry, source in known
        ]
        for index in range(len(known), request.count):
            bold = index >= round(request.count * (1 - self.config.bold))
            for _ in range(self.config.attempts):
                plan = breeder.breed(bold)
                source = render(plan, len(request.actions))
                if source not in seen:
                    seen.add(source)
                    proposals.append(PatchProposal(text=diff(request.source, source), rationale=_rationale(request, plan)))
                    break
        return PatchReply(proposals=tuple(_wishing(request, proposals)))


class Breeder:
    """Draws one new plan at a time for a request.

    Args:
        request: the source to patch, and the tools to patch it with.
        config: the limits of the search.
    """

    def __init__(self, request: PatchRequest, config: PatcherConfig) -> None:
        """Weigh tools and parents once."""
        self.config = config
        self.rng: random.Random = generator(request.seed, "patch.propose")
        self.docs = {tool.name: tool.doc for tool in request.toolkit}
        self.kinds = {tool.name: tool.kind for tool in request.toolkit}
        self.affinity = affinities(self.docs, request.diagnosis.findings)
        known = [(self._read(t.source, request), credit(t)) for t in request.tried if t.source]
        tried = [(plan, worth) for plan, worth in known if plan is not None]
        self.lessons = lessons((parts(plan), worth) for plan, worth in tried)
        self.current = self._read(request.source, request) or ARGMAX
        self.parents = [plan for plan, worth in sorted(tried, key=lambda pair: -pair[1]) if worth > 0][:4]

    def breed(self, bold: bool) -> Plan:
        """Return a plan that is one step away from a parent, or several steps if bold."""
        plan = self.rng.choice([self.current, self.current, *self.parents])
        if self.parents and self.rng.random() < 0.3:
            plan = self._cross(plan, self.rng.choice(self.parents))
        for _ in range(self.rng.randint(2, 4) if bold else 1):
            plan = self.rng.choice(self._edits(plan))(plan)
        return plan

    def _read(self, source: str | None, request: PatchRequest) -> Plan | None:
        plan = read(source, len(request.actions)) if source else None
        return plan if plan is not None and all(name in self.kinds for name in tools(plan)) else None

    def _edits(self, plan: Plan) -> list[Edit]:
        """Return the edits that this plan and toolkit allow."""
        edits: list[Edit] = []
        if self._of("moves"):
            edits += [self._restart] * (2 if plan.start is None else 1)
        if self._of("test"):
            edits += [self._add_filter] * 2 if len(plan.filters) < self.config.max_filters else []
        if self._of("move"):
            edits += [self._add_proposal] * 2 if len(plan.proposals) < self.config.max_proposals else []
        if self._of("measure"):
            edits += [self._rank_first, self._rank_last, self._rank_anew]
        if len(plan.ranking) > 1:
            edits += [self._drop_rank, self._mix]
        if plan.filters:
            edits += [self._drop_filter, self._shuffle]
        if plan.proposals:
            edits += [self._drop_proposal, self._guard]
        return edits or [lambda same: same]

    def _of(self, kind: str) -> list[str]:
        return [name for name, tool_kind in self.kinds.items() if tool_kind == kind]

    def _draw(self, kind: str, role: str, without: tuple[str | None, ...] = ()) -> str | None:
        """Draw a tool of a kind by its relevance and its record in this role; return None if none is left."""
        names = [name for name in self._of(kind) if name not in without]
        weights = [lead(self.affinity[name], self.lessons.get(f"{role} {name}", 0.0)) for name in names]
        return pick(self.rng, names, weights) if names else None

    def _draw_rank(self) -> Rank:
        """Draw a measure and a direction from the sense of its words, corrected by the evidence."""
        name = self._draw("measure", "rank") or LOGITS
        signs = (1.0, -1.0)
        taught = [self.lessons.get(f"rank {mark}{name}", 0.0) for mark in "+-"]
        sense = polarity(name) or 0.5 * polarity(self.docs.get(name, ""))
        weights = [lead(max(0.0, sense * sign), lesson) for sign, lesson in zip(signs, taught, strict=True)]
        return Rank(name, pick(self.rng, signs, weights) * self.rng.choice(FACTORS))

    def _restart(self, plan: Plan) -> Plan:
        return replace(plan, start=self._draw("moves", "start", (plan.start,)))

    def _add_filter(self, plan: Plan) -> Plan:
        name = self._draw("test", "filter", plan.filters)
        at = self.rng.randint(0, len(plan.filters))
        return replace(plan, filters=(*plan.filters[:at], name, *plan.filters[at:])) if name else plan

    def _drop_filter(self, plan: Plan) -> Plan:
        out = self.rng.randrange(len(plan.filters))
        return replace(plan, filters=plan.filters[:out] + plan.filters[out + 1 :])

    def _shuffle(self, plan: Plan) -> Plan:
        return replace(plan, filters=tuple(self.rng.sample(plan.filters, len(plan.filters))))

    def _add_proposal(self, plan: Plan) -> Plan:
        name = self._draw("move", "move", tuple(p.move for p in plan.proposals))
        guard = self._draw("test", "guard") if self.rng.random() < 0.5 else None
        at = self.rng.randint(0, len(plan.proposals))
        return replace(plan, proposals=(*plan.proposals[:at], Proposal(name, guard), *plan.proposals[at:])) if name else plan

    def _drop_proposal(self, plan: Plan) -> Plan:
        out = self.rng.randrange(len(plan.proposals))
        return replace(plan, proposals=plan.proposals[:out] + plan.proposals[out + 1 :])

    def _guard(self, plan: Plan) -> Plan:
        at = self.rng.randrange(len(plan.proposals))
        old = plan.proposals[at]
        new = replace(old, guard=self._draw("test", "guard", (old.guard,)) if self.rng.random() < 0.8 else None)
        return replace(plan, proposals=(*plan.proposals[:at], new, *plan.proposals[at + 1 :]))

    def _rank_first(self, plan: Plan) -> Plan:
        return _ranked(plan, (self._draw_rank(), *plan.ranking))

    def _rank_last(self, plan: Plan) -> Plan:
        return _ranked(plan, (*plan.ranking, self._draw_rank()))

    def _rank_anew(self, plan: Plan) -> Plan:
        return replace(_ranked(plan, (self._draw_rank(), Rank(LOGITS))), mixed=self.rng.random() < 0.5)

    def _drop_rank(self, plan: Plan) -> Plan:
        out = self.rng.randrange(len(plan.ranking))
        return _ranked(plan, plan.ranking[:out] + plan.ranking[out + 1 :])

    def _mix(self, plan: Plan) -> Plan:
        return _ranked(replace(plan, mixed=not plan.mixed), plan.ranking)

    def _cross(self, first: Plan, second: Plan) -> Plan:
        """Narrow the moves as the first plan does, and choose among them as the second does."""
        return replace(second, start=first.start or second.start, filters=first.filters)


def _ranked(plan: Plan, ranking: tuple[Rank, ...]) -> Plan:
    """Keep the first use of each measure, and at most three measures.

    In a lexicographic ranking only the signs of the factors matter. Criteria after the logits never decide, because logits
    do not tie.
    """
    first = {rank.measure: rank for rank in reversed(ranking)}
    kept = tuple(rank for rank in ranking if first[rank.measure] is rank)[:3]
    mixed = plan.mixed and len(kept) > 1
    if not mixed:
        end = next((i + 1 for i, rank in enumerate(kept) if rank.measure == LOGITS), len(kept))
        kept = tuple(replace(rank, factor=1.0 if rank.factor > 0 else -1.0) for rank in kept[:end])
    return replace(plan, ranking=kept, mixed=mixed)


def _wishing(request: PatchRequest, proposals: list[PatchProposal]) -> list[PatchProposal]:
    """Return the proposals; in mode `meta_learn` the last ones, as many as are granted, wish for a reward."""
    findings = request.diagnosis.findings[:2]
    if request.mode != "meta_learn" or not findings:
        return proposals
    wish = Wish(objective=f"less of {findings[0].name}", constraints=tuple(f.evidence[:200] for f in findings))
    first = max(0, len(proposals) - request.wishes)
    return [one.model_copy(update={"wish": wish}) if at >= first else one for at, one in enumerate(proposals)]


def _rationale(request: PatchRequest, plan: Plan) -> str:
    heaviest = ", ".join(f"{f.name} {f.weight:.2f}" for f in request.diagnosis.findings[:2])
    return f"{request.mode}: {', '.join(parts(plan)) or 'plain argmax'}" + (f" (because of {heaviest})" if heaviest else "")
