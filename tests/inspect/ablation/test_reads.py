"""The table of settings that runs do not read is true: a run's own accesses are recorded and compared with it."""

from __future__ import annotations

import pytest

from ouroloop.inspect.ablation.reads import UNREAD, leaves, read
from ouroloop.runs.recipe import Recipe
from tests.runs.small_run import micro, run_micro

GAMES = ("gate.games=16", "gate.positions=16", "gate.search_games=8", "gate.attribution_games=8", "budget.rounds=1")
EYES = ("eyes", "camera", "reader", "clip", "gemma", "vae", "fusion")
HARMLESS = {"name", "threads", "halving", "sandbox_image", "approve"}
"""They decide nothing here: a name, the speed, the stages of no training, the image of WASM, who is asked about a winner."""


@pytest.mark.parametrize(
    ("overrides", "unread"),
    [
        (
            ("start.policy=snake-gpt-6x6", "roles.reward_designer.count=0", "roles.code_patcher.count=1"),
            {"sft", "grpo", "distill", "salience", "sharing", "talk", *EYES},
        ),
        (
            (
                "start.policy=random",
                "grpo.steps=1",
                "grpo.states=4",
                "roles.reward_designer.count=1",
                "halving.stages=1",
                "roles.code_patcher.count=0",
            ),
            {"distill", "sharing", "talk", *EYES},
        ),
    ],
)
def test_runs_read_no_other_tables(overrides, unread, monkeypatch, tmp_path):
    touched = set()

    def recorded(recipe: Recipe, name: str) -> object:
        touched.add(name)
        return object.__getattribute__(recipe, name)

    recipe = micro(*overrides, *GAMES)
    assert set(Recipe.model_fields) - {leaf[0] for leaf in read(recipe)} - {"seed"} - HARMLESS == unread
    with monkeypatch.context() as patch:
        patch.setattr(Recipe, "__getattribute__", recorded)
        run_micro(tmp_path / "run", *overrides, *GAMES)
    assert (touched & set(Recipe.model_fields)) | HARMLESS == set(Recipe.model_fields) - unread


def test_every_row_of_the_table_names_settings_that_exist():
    known = leaves(micro())
    assert all(any(row.covers(leaf) for leaf in known) for row in UNREAD)


def test_the_seed_is_no_setting_of_an_arm():
    assert leaves(micro("seed=4")) == leaves(micro("seed=5"))
