"""What is said of an accepted candidate: fresh games first, the bound that decided, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ouroloop.inspect.shown.decision import effect_lines, way_back

EFFECT = {"utility": 0.08, "low": -0.01, "high": 0.2, "games": 64}
MADE = {"policy": "p", "reward": "r", "controller": "c"}
ACCEPTED: dict[str, Any] = {
    "id": "r1-patch1", "verdict": "accepted", "acceptance": "better: e-value 41 >= 40",
    "fresh": {**EFFECT, "utility": 0.05, "low": 0.02},
    "effect": EFFECT, "bound": 0.004, "alpha": 0.025, "made": MADE,
}  # fmt: skip


def test_the_estimate_from_fresh_games_comes_first_and_selection_is_said() -> None:
    fresh, race, bound, why = effect_lines(ACCEPTED)  # type: ignore[arg-type]
    assert fresh.startswith("on fresh games: utility +0.0500")
    assert race.startswith("in its race: utility +0.0800")
    assert "too high on average" in race
    assert bound == "accepted by a one-sided test: the gain is above +0.0040 at level 0.025"
    assert "holds 0 because" in why


def test_an_interval_above_zero_needs_no_excuse_and_a_rejected_candidate_no_bound() -> None:
    assert len(effect_lines({**ACCEPTED, "effect": {**EFFECT, "low": 0.001}})) == 3  # type: ignore[arg-type]
    rejected = {**ACCEPTED, "verdict": "rejected", "acceptance": None, "fresh": None, "bound": None}
    assert effect_lines(rejected) == ["in its race: utility +0.0800, 95 % interval [-0.010, +0.200], 64 pairs of games"]  # type: ignore[arg-type]


def test_after_a_rollback_the_acceptance_stays_and_the_way_back_is_said(tmp_path: Path) -> None:
    back = {**ACCEPTED, "verdict": "rolled_back"}
    assert effect_lines(back)[0] == "it had been accepted: better: e-value 41 >= 40"  # type: ignore[arg-type]
    propose, again = way_back(tmp_path, back)  # type: ignore[arg-type]
    assert f"ouroloop propose {tmp_path} --again r1-patch1" in propose
    assert f"--set start.controller={tmp_path}/artifacts/c" in again
    assert way_back(tmp_path, ACCEPTED) == []  # type: ignore[arg-type]
