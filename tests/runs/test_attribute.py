"""Attribution: a part is named at a level that is corrected over the rounds of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.bench.gate.arena import arena, controller, let_in
from ouroloop.ledger.steps.attribute import attributions
from ouroloop.runs.phases.attribute import NAMING_ALPHA, attribute, naming_level

START = {"SLIPS": 150, "STUMBLES": 100, "LAPSES": 0}


def test_the_levels_of_all_factorials_of_a_run_add_up_to_its_own() -> None:
    spent = sum(2 * naming_level(k) for k in range(10_000))
    assert spent == pytest.approx(NAMING_ALPHA, rel=1e-3)
    assert spent < NAMING_ALPHA


def test_each_round_that_accepts_names_parts_at_the_next_level(tmp_path: Path) -> None:
    with arena(tmp_path / "run", controller(**START), seed=5, attribution_games=96) as run:
        for round, slips in enumerate((20, 20, 0)):
            if round != 1:
                let_in(run, round, controller(**{**START, "SLIPS": slips}))
            attribute(run, round)
        found = attributions(run.ledger)
    assert [(a.round.level, a.total.level) for a in found] == [(NAMING_ALPHA / 4,) * 2, (NAMING_ALPHA / 12,) * 2]
    assert found[0].round.owner == "code"
