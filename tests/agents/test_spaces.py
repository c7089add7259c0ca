"""Spaces of rewards: what they hold, how draws spread, what is refused."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import ValidationError

from ouroloop.agents.spaces import RewardSpace

TERM = {"name": "closer", "expr": "approach", "weight": [0.1, 1.1]}
OPTIONAL = {"name": "boxed_in", "expr": "trapped", "weight": [-2.0, -0.5], "optional": True}
SPACE = RewardSpace.model_validate({"terms": [TERM, OPTIONAL], "gamma_r": [0.1, 0.5], "loss": {"beta": [0.01, 0.11]}})


def test_every_part_of_every_range_is_drawn_once() -> None:
    draws = SPACE.draws(random.Random(0), 20)
    assert all(SPACE.holds(spec) for spec in draws)
    for values, (low, high) in (
        ([spec.terms[0].weight for spec in draws], (0.1, 1.1)),
        ([spec.gamma_r for spec in draws], (0.1, 0.5)),
        ([spec.loss.beta or 0.0 for spec in draws], (0.01, 0.11)),
    ):
        assert sorted(int((value - low) / (high - low) * 20) for value in values) == pytest.approx(range(20), abs=1)
    assert sum(len(spec.terms) == 1 for spec in draws) == 10
    assert draws == SPACE.draws(random.Random(0), 20) != SPACE.draws(random.Random(1), 20)


def test_a_space_without_ranges_is_one_spec() -> None:
    one = RewardSpace.model_validate({"terms": [{**TERM, "weight": 0.5}], "gamma_r": 0.3})
    first, second = one.draws(random.Random(0), 2)
    assert first == second
    assert (first.terms[0].weight, first.gamma_r) == (0.5, 0.3)


def test_the_part_around_a_spec_holds_it_and_stays_inside() -> None:
    for spec in SPACE.draws(random.Random(2), 30):
        part = SPACE.around(spec)
        assert part.holds(spec)
        near = part.draws(random.Random(3), 30)
        assert all(SPACE.holds(other) for other in near)
        assert all({t.expr for t in other.terms} == {t.expr for t in spec.terms} for other in near)
        assert max(o.gamma_r for o in near) - min(o.gamma_r for o in near) <= 0.2


def test_a_spec_from_elsewhere_is_not_of_the_space() -> None:
    spec = SPACE.draws(random.Random(0), 1)[0]
    term = spec.terms[0]
    for other in (
        spec.model_copy(update={"gamma_r": 0.6}),
        spec.model_copy(update={"terms": (term.model_copy(update={"weight": 2.0}),)}),
        spec.model_copy(update={"terms": (term.model_copy(update={"expr": "ate"}),)}),
        spec.model_copy(update={"terms": ()}),
    ):
        assert not SPACE.holds(other)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"terms": [{**TERM, "weight": [1.0, 0.1]}]}, "ends below its start"),
        ({"terms": [{**TERM, "weight": [0.1, 100.0]}]}, "less than or equal to 10"),
        ({"terms": [TERM], "gamma_r": [0.1, 2.0]}, "less than or equal to 1"),
        ({"terms": [{**TERM, "name": "Not so"}]}, "pattern"),
        ({"terms": [TERM], "loss": {"entropy": [0.0, 5.0]}}, "less than or equal to 0.1"),
        ({"terms": []}, "at least 1"),
        ({"terms": [TERM, {**OPTIONAL, "weight": [-100.0, 1.0]}]}, "greater than or equal to -10"),
        ({"terms": [OPTIONAL]}, "needs one that is not"),
        ({"terms": [TERM], "weights": 1}, "Extra inputs"),
    ],
)
def test_what_no_spec_may_hold_is_refused(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RewardSpace.model_validate(table)
