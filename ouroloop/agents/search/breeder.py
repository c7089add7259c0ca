"""How the searching designer makes one new reward spec after the other: by edits, by crossing, and afresh."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from ouroloop.agents.search.evidence import affinities, credit, lead, lessons, pick, polarity
from ouroloop.agents.search.losses import REMEDIES, adjusted
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.messages import RewardRequest, Tried
from ouroloop.protocols.records import Anneal, RewardSpec, RewardTerm

Edit: TypeAlias = Callable[[RewardSpec], "tuple[RewardSpec, str]"]

WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
BOLD_WEIGHTS = (*WEIGHTS, 1.5, 2.0, 4.0)
GAMMAS = (0.1, 0.15, 0.2, 0.25, 0.3)
"""Shaping weights that leave the game's own reward in charge. Bold proposals draw from `BOLD_GAMMAS`."""
ADJUSTING = 0.5
"""The share of proposals that change the loss as well, in mode `reward_patch` or if a finding calls for it."""
BOLD_GAMMAS = (0.05, *GAMMAS, 0.4, 0.6, 0.9)


def alone(request: RewardRequest) -> list[Tried]:
    """Return the earlier rewards that came without a patch: what a pair gained is not known to be the reward's."""
    return [one for one in request.tried if one.kind == "reward"]


def spec_key(spec: RewardSpec) -> str:
    """Return a hash that is equal for specs that pay the same, whatever the names and order of their terms."""
    terms = sorted([t.expr, t.weight, t.clip] for t in spec.terms)
    return content_hash([terms, spec.gamma_r, spec.anneal.warmup, spec.anneal.decay, spec.loss.model_dump()])


def spec_text(spec: RewardSpec) -> str:
    """Return a spec as the JSON text that a proposal carries."""
    return json.dumps(spec.model_dump(mode="json"), indent=1)


def genes(spec: RewardSpec, features: Mapping[str, str]) -> set[str]:
    """Return what a spec pays for: `+name` or `-name` for each feature read, with the sign of its term."""
    return {
        ("+" if t.weight >= 0 else "-") + name
        for t in spec.terms
        for name in re.findall(r"[a-z_]\w*", t.expr)
        if name in features
    }


class Breeder:
    """Draws one new spec at a time for a request.

    Args:
        request: the request to design for.
        rng: the random generator.
        bold: leave the incumbent's neighbourhood.
        max_terms: the most terms of a bold spec.
    """

    def __init__(self, request: RewardRequest, rng: random.Random, bold: bool, max_terms: int) -> None:
        """Weigh features and parents once."""
        self.request, self.rng, self.bold, self.max_terms = request, rng, bold, max_terms
        tried = [(t.reward, credit(t)) for t in alone(request) if t.reward is not None]
        self.lessons = lessons((genes(spec, request.features), worth) for spec, worth in tried)
        affinity = affinities(request.features, request.diagnosis.findings)
        self.names = tuple(request.features)
        self.weights = [lead(affinity[n], max(self._lesson("+", n), self._lesson("-", n), key=abs)) for n in self.names]
        self.parents = [spec for spec, worth in sorted(tried, key=lambda pair: -pair[1]) if worth > 0 and spec.terms][:4]

    def breed(self) -> tuple[RewardSpec, str]:
        """Return a new spec and one line that says how it was made."""
        spec, said = self._bred()
        called = any(finding.name in REMEDIES for finding in self.request.diagnosis.findings)
        if (called or self.request.mode == "reward_patch") and self.rng.random() < ADJUSTING:
            loss, what = adjusted(spec.loss, self.request.diagnosis.findings, self.rng)
            return spec.model_copy(update={"loss": loss}), f"{said}, {what}"
        return spec, said

    def _bred(self) -> tuple[RewardSpec, str]:
        if self.request.mode == "reward_patch":
            return self._several([self._penalise], 2 if self.bold else 1, self.request.incumbent)
        if self.bold and (not self.parents or self.rng.random() < 0.5):
            return self._fresh()
        if len(self.parents) > 1 and self.rng.random() < 0.3:
            return self._cross()
        base = self.rng.choice([self.request.incumbent, *self.parents])
        if not base.terms:
            return self._several([self._add], self.rng.choice((1, 2)), base)
        edits: list[Edit] = [self._add, self._reweigh, self._reschedule, self._drop, self._reexpress]
        return self._several(edits, self.rng.choice((2, 3)) if self.bold else 1, base)

    def _several(self, edits: list[Edit], count: int, spec: RewardSpec) -> tuple[RewardSpec, str]:
        said = []
        for _ in range(count):
            spec, what = self.rng.choice(edits)(spec)
            said.append(what)
        return spec, ", ".join(said)

    def _lesson(self, sign: str, name: str) -> float:
        return self.lessons.get(sign + name, 0.0)

    def _sign(self, name: str) -> float:
        """Draw a sign from the sense of the feature's words, corrected by the evidence."""
        prior = 2.0 * polarity(name) or 1.0 * polarity(self.request.features[name])
        evidence = 40.0 * (self._lesson("+", name) - self._lesson("-", name))
        return 1.0 if self.rng.random() < 1 / (1 + math.exp(-max(-4.0, min(4.0, prior + evidence)))) else -1.0

    def _term(self) -> RewardTerm:
        """Compose one term whose value grows with the feature, so that its weight has the feature's sign."""
        name = pick(self.rng, self.names, self.weights)
        sign = self._sign(name)
        expr, label = self._expression(name, sign)
        return self._weighed("pay" if sign > 0 else "fine", label, expr, sign)

    def _fine(self) -> RewardTerm:
        """Compose one term that only fines: for something unwanted, or for the lack of something wanted."""
        name = pick(self.rng, self.names, self.weights)
        if self._sign(name) > 0:
            return self._weighed("fine_lack_of", name, f"{name} - 1", 1.0)
        return self._weighed("fine", name, self.rng.choice([f"max({name}, 0)", f"where({name} > 0, 1, 0)"]), -1.0)

    def _weighed(self, verb: str, label: str, expr: str, sign: float) -> RewardTerm:
        weight = sign * self.rng.choice(BOLD_WEIGHTS if self.bold else WEIGHTS)
        return RewardTerm(name=_slug(f"{verb}_{label}"), expr=expr, weight=weight, clip=1.0)

    def _expression(self, name: str, sign: float) -> tuple[str, str]:
        twin = _twin(name, self.names)
        if twin is not None and self.rng.random() < 0.7:
            return f"{name} - {twin}", f"{name}_change"
        # A feature that pays at every step pays for staying alive. Minus its maximum, it fines the lack of it instead.
        plain = [name, name, f"{name} - 1"] if sign > 0 else [name, name, f"where({name} > 0, 1, 0)"]
        other = pick(self.rng, self.names, self.weights)
        shaped = [f"tanh(2 * {name})", f"where({name} > 0.5, 1, 0)", f"{name} * abs({name})", f"{name} * (1 - abs({other}))"]
        return self.rng.choice(plain + shaped if self.bold else plain), name

    def _fresh(self) -> tuple[RewardSpec, str]:
        count = self.rng.randint(1, self.max_terms)
        terms = _named_apart([self._term() for _ in range(count)])
        spec = RewardSpec(terms=terms, gamma_r=self.rng.choice(BOLD_GAMMAS), anneal=self._anneal())
        return spec, f"a fresh spec of {', '.join(t.name for t in spec.terms)}"

    def _cross(self) -> tuple[RewardSpec, str]:
        first, second = self.rng.sample(self.parents, 2)
        pool = [t for t in (*first.terms, *second.terms) if self.rng.random() < 0.6] or list(first.terms)
        spec = first.model_copy(update={"terms": _named_apart(pool)[: self.max_terms], "gamma_r": second.gamma_r})
        return spec, f"crossed two earlier specs into {', '.join(t.name for t in spec.terms)}"

    def _add(self, spec: RewardSpec) -> tuple[RewardSpec, str]:
        return self._with(spec, self._term())

    def _penalise(self, spec: RewardSpec) -> tuple[RewardSpec, str]:
        return self._with(spec, self._fine())

    def _with(self, spec: RewardSpec, term: RewardTerm) -> tuple[RewardSpec, str]:
        kept = [t for t in spec.terms if t.expr != term.expr][-15:]
        return spec.model_copy(update={"terms": _named_apart([*kept, term])}), f"{term.weight:+g} * ({term.expr})"

    def _drop(self, spec: RewardSpec) -> tuple[RewardSpec, str]:
        if len(spec.terms) < 2:
            return self._add(spec)
        out = self.rng.choice(spec.terms)
        return spec.model_copy(update={"terms": tuple(t for t in spec.terms if t is not out)}), f"dropped {out.name}"

    def _reweigh(self, spec: RewardSpec) -> tuple[RewardSpec, str]:
        if not spec.terms:
            return self._add(spec)
        old = self.rng.choice(spec.terms)
        factor = self.rng.choice((0.25, 4.0, -1.0) if self.bold else (0.5, 1.5, 2.0))
        new = old.model_copy(update={"weight": round(max(-10.0, min(10.0, old.weight * factor)), 4)})
        return _swapped(spec, old, new), f"weight of {old.name} {old.weight:g} to {new.weight:g}"

    def _reexpress(self, spec: RewardSpec) -> tuple[RewardSpec, str]:
        if not spec.terms:
            return self._add(spec)
        old, new = self.rng.choice(spec.terms), self._term()
        return _swapped(spec, old, new), f"{old.name} replaced by {new.weight:+g} * ({new.expr})"

    def _reschedule(self, spec: RewardSpec) -> tuple[RewardSpec, str]:
        gamma = self.rng.choice(BOLD_GAMMAS if self.bold else GAMMAS)
        anneal = self._anneal()
        text = f"gamma_r {spec.gamma_r:g} to {gamma:g}, warm-up {anneal.warmup:g}, decay {anneal.decay:g}"
        return spec.model_copy(update={"gamma_r": gamma, "anneal": anneal}), text

    def _anneal(self) -> Anneal:
        return Anneal(warmup=self.rng.choice((0.0, 0.0, 0.1, 0.2)), decay=self.rng.choice((0.0, 0.0, 0.25, 0.5)))


def _swapped(spec: RewardSpec, old: RewardTerm, new: RewardTerm) -> RewardSpec:
    return spec.model_copy(update={"terms": _named_apart([new if t is old else t for t in spec.terms])})


def _named_apart(terms: list[RewardTerm]) -> tuple[RewardTerm, ...]:
    """Drop terms that repeat an expression, and number names that would clash."""
    out: dict[str, RewardTerm] = {}
    for term in terms:
        if any(term.expr == other.expr for other in out.values()):
            continue
        name, number = term.name, 2
        while name in out:
            name, number = f"{term.name[:37]}_{number}", number + 1
        out[name] = term.model_copy(update={"name": name})
    return tuple(out.values())


def _twin(name: str, names: tuple[str, ...]) -> str | None:
    """Return the feature that, by its name, measures the same thing earlier or later (`x_before`, `x_after`), or None."""
    for here, there in (("_before", "_after"), ("_after", "_before")):
        if name.endswith(here) and name.removesuffix(here) + there in names:
            return name.removesuffix(here) + there
    return None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", text.lower())[:40]
