"""Spaces of rewards as data: a reward spec in which numbers may be ranges, and terms may be left out.

In mode `meta_learn` a designer searches such a space. A recipe can give one to the searching designer, and a model can write
one. Draws are a Latin hypercube (McKay, Beckman, Conover 1979): each range is cut into as many parts as there are draws, and
each part is used once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Annotated, Final, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from ouroloop.protocols.records import Anneal, Frozen, Loss, RewardSpec, RewardTerm

DIGITS: Final = 4
"""Decimals of a drawn number."""


def _ascending(value: float | tuple[float, float]) -> float | tuple[float, float]:
    if isinstance(value, tuple) and value[0] > value[1]:
        raise ValueError(f"the range [{value[0]:g}, {value[1]:g}] ends below its start")
    return value


Range: TypeAlias = Annotated[float | tuple[float, float], AfterValidator(_ascending)]
"""A number, or `[low, high]`."""


class SpaceTerm(Frozen):
    """A `RewardTerm` whose weight may be a range; an optional one is left out of half of the draws."""

    name: str
    expr: str
    weight: Range
    clip: float = 1.0
    optional: bool = False


class LossSpace(Frozen):
    """A `records.Loss` whose settings may be ranges."""

    beta: Range | None = None
    entropy: Range | None = None
    epsilon_low: Range | None = None
    epsilon_high: Range | None = None


class RewardSpace(Frozen):
    """A `RewardSpec` in which weights, `gamma_r` and settings of the loss may be ranges."""

    terms: tuple[SpaceTerm, ...] = Field(min_length=1, max_length=16)
    gamma_r: Range = 0.2
    anneal: Anneal = Anneal()
    loss: LossSpace = LossSpace()

    @model_validator(mode="after")
    def _within_the_specs(self) -> Self:
        """Hold both ends of every range to what a spec allows."""
        axes = len(list(self._ranges()))
        kept = range(1, 2 * len(self.terms), 2)
        for place in (0.0, 1.0):
            self.at([1.0 if axis in kept else place for axis in range(axes)])
        if all(term.optional for term in self.terms):
            raise ValueError("all terms are optional: a reward needs one that is not")
        return self

    def _ranges(self) -> Iterator[tuple[float, float]]:
        """Yield the ends of every number that is drawn, and (0, 1) for each optional term."""
        for term in self.terms:
            yield _ends(term.weight)
            yield 0.0, 1.0
        yield _ends(self.gamma_r)
        yield from (_ends(value) for _, value in self._loss())

    def _loss(self) -> list[tuple[str, float | tuple[float, float]]]:
        return [(name, value) for name in LossSpace.model_fields if (value := getattr(self.loss, name)) is not None]

    def at(self, place: list[float]) -> RewardSpec:
        """Return the spec at a place: a number in [0, 1] for each range; see `_ranges`."""
        ends = list(self._ranges())
        numbers = [round(low + share * (high - low), DIGITS) for (low, high), share in zip(ends, place, strict=True)]
        terms = []
        for term, weight, kept in zip(self.terms, numbers[::2], numbers[1::2], strict=False):
            if not (term.optional and kept < 0.5):
                terms.append(RewardTerm(name=term.name, expr=term.expr, weight=weight, clip=term.clip))
        rest = numbers[2 * len(self.terms) :]
        loss = Loss.model_validate({name: value for (name, _), value in zip(self._loss(), rest[1:], strict=True)})
        return RewardSpec(terms=tuple(terms), gamma_r=rest[0], anneal=self.anneal, loss=loss)

    def draws(self, random: random.Random, count: int) -> list[RewardSpec]:
        """Return so many specs of the space, spread over it."""
        columns = [random.sample(range(count), count) for _ in self._ranges()]
        places = [[(column[draw] + random.random()) / count for column in columns] for draw in range(count)]
        return [self.at(place) for place in places]

    def holds(self, spec: RewardSpec) -> bool:
        """Return whether a spec is of this space: its terms are, and every number lies in its range."""
        known = {term.expr: term for term in self.terms}
        own = {term.expr for term in spec.terms}
        return (
            all(term.expr in known and _inside(term.weight, known[term.expr].weight) for term in spec.terms)
            and all(term.optional or term.expr in own for term in self.terms)
            and _inside(spec.gamma_r, self.gamma_r)
            and all(_inside(getattr(spec.loss, name), value) for name, value in self._loss())
        )

    def around(self, spec: RewardSpec, share: float = 0.5) -> RewardSpace:
        """Return the part of the space around one of its specs: every range has this share of its width, and stays inside.

        Terms that the spec leaves out are left out; those that it has are no longer optional.
        """
        weights = {term.expr: term.weight for term in spec.terms}
        terms = tuple(
            term.model_copy(update={"weight": _narrowed(term.weight, weights[term.expr], share), "optional": False})
            for term in self.terms
            if term.expr in weights
        )
        loss = {name: _narrowed(value, getattr(spec.loss, name), share) for name, value in self._loss()}
        changes = {"gamma_r": _narrowed(self.gamma_r, spec.gamma_r, share), "loss": self.loss.model_copy(update=loss)}
        return self.model_copy(update={"terms": terms, **changes})


def _ends(value: float | tuple[float, float]) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _inside(number: float | None, value: float | tuple[float, float]) -> bool:
    low, high = _ends(value)
    return number is not None and low - 10**-DIGITS <= number <= high + 10**-DIGITS


def _narrowed(value: float | tuple[float, float], number: float, share: float) -> float | tuple[float, float]:
    if not isinstance(value, tuple):
        return value
    low, high = value
    width = share * (high - low)
    start = min(max(number - width / 2, low), high - width)
    return start, start + width
