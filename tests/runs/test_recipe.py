"""Settings of trainings are part of the recipe: checked as it is read, and spelled out as it is saved."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
from pydantic import BaseModel

from ouroloop.policy.sft.config import SftConfig
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.recipe import Recipe, build_recipe, recipe_toml


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("sft.stepz=3", "unknown key sft.stepz; did you mean sft.steps?"),
        ("sft.shape.hiden=32", "unknown key sft.shape.hiden; did you mean sft.shape.hidden?"),
        ("sft.lora.rnak=4", "unknown key sft.lora.rnak; did you mean sft.lora.rank?"),
        ("sft.rank=4", "unknown key sft.rank; did you mean sft.lora.rank?"),
        ("grpo.stages=1", "unknown key grpo.stages; did you mean halving.stages?"),
        ("distill.grpo.limits.windw=3", "did you mean distill.grpo.limits.window?"),
        ("reader.widht=32", "did you mean reader.width?"),
        ("halving.qqq=1", "unknown key halving.qqq; known keys: eta, stages"),
        ("sft.steps=many", "sft.steps: "),
        ("sft.quantisation=int3", "sft.quantisation: "),
        ("grpo={states = 10, parts = 3}", "choose a divisor"),
        ("mode=bug_fixes", "mode: "),
    ],
)
def test_a_wrong_setting_is_refused_as_the_recipe_is_read(override: str, says: str) -> None:
    refused((override,), says)


@pytest.mark.parametrize(
    ("mode", "unwanted", "reason"),
    [
        ("bug_fix", ("code_patcher",), "roles.code_patcher.count is 0"),
        ("reward_refresh", ("reward_designer",), "roles.reward_designer.count is 0"),
        ("meta_learn", ("reward_designer", "code_patcher"), "roles.reward_designer.count and roles.code_patcher.count are 0"),
    ],
)
def test_a_mode_that_asks_nobody_is_refused(mode: str, unwanted: tuple[str, ...], reason: str) -> None:
    overrides = (f"mode={mode}", *(f"roles.{slot}.count=0" for slot in unwanted))
    assert refused(overrides, "") == f"recipe: mode {mode} asks nobody, since {reason}"


def test_a_mode_needs_one_who_proposes() -> None:
    assert build_recipe({}, ("mode=meta_learn", "roles.reward_designer.count=0")).mode == "meta_learn"


def refused(overrides: tuple[str, ...], says: str) -> str:
    """Check that a recipe with these overrides is refused in one line, and return it."""
    with pytest.raises(UsageError) as caught:
        build_recipe({}, overrides)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refusing_a_setting_loads_no_machine_learning() -> None:
    code = """
import sys
from ouroloop.cli.main import call
assert call(["run", "recipes/quickstart.toml", "--set", "sft.stepz=3"]) == 2
print(sorted({"torch", "numba", "langgraph"} & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "did you mean sft.steps?" in found.stderr
    assert found.stdout.strip() == "[]"


def missing(model: BaseModel, table: dict) -> list[str]:
    """Return the keys that have a value and are not in the table."""
    lost = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if field.exclude:  # a game's own settings stand beside its name
            lost += missing(value, table)
        elif value is not None and name not in table:
            lost.append(name)
        elif isinstance(value, BaseModel):
            lost += missing(value, table[name])
    return lost


def test_a_saved_recipe_spells_out_every_value() -> None:
    recipe = build_recipe({}, ("sft.lora={}", "grpo.steps=7"))
    table = tomllib.loads(recipe_toml(recipe))
    assert missing(recipe, table) == []
    assert table["sft"]["lora"]["rank"] == 16
    assert table["grpo"]["limits"]["stops"] == ["first_step", "not_finite", "reward_hacking", "sampler"]
    assert table["sft"]["steps"] == SftConfig().steps
    assert Recipe.model_validate(table) == recipe
