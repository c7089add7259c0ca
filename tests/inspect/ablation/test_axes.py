"""How arms are asked for: by options, and by the table `[ablation]`, which only `ablate` reads."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.cli.main import call
from ouroloop.inspect.ablation.axes import Asked, asked_of, asked_of_files, parse_vary, read_axes, text_of
from ouroloop.inspect.ablation.design import read_arms, read_files
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.recipe import build_recipe, load_recipe

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "axes.toml"
    path.write_text('name = "axes"\n[ablation]\nseeds = 3\nmeasure = "score"\nvary = {perception = ["json", "vision"]}\n')
    return path


@pytest.mark.parametrize(
    ("vary", "found"),
    [
        ("perception=json,vision", {"perception": ("json", "vision")}),
        (
            "perception=json,ascii,vision-reader,clip,gemma3",
            {"perception": ("json", "ascii", "vision-reader", "clip", "gemma3")},
        ),
        (" gate.alpha = 0.05, 0.1 ", {"gate.alpha": ("0.05", "0.1")}),
        ("sft.lora={rank = 4, alpha = 8},{rank = 8}", {"sft.lora": ("{rank = 4, alpha = 8}", "{rank = 8}")}),
        ('start.policy="a,b",c', {"start.policy": ('"a,b"', "c")}),
        ("x=[1,2],[3]", {"x": ("[1,2]", "[3]")}),
    ],
)
def test_values_are_separated_by_commas_outside_of_brackets(vary, found):
    assert parse_vary((vary,)) == found


def test_options_come_before_the_file(recipe):
    _, axes = read_axes(recipe)
    assert asked_of(axes, ()) == Asked({"perception": ("json", "vision")}, "factorial", 3, "score")
    asked = asked_of(axes, ("task.size=6,8",), "one-at-a-time", 7, "utility")
    assert asked == Asked({"task.size": ("6", "8")}, "one-at-a-time", 7, "utility")


def test_only_ablate_reads_the_table(recipe, tmp_path, capsys):
    with pytest.raises(UsageError, match="give it alone to `ouroloop ablate`"):
        load_recipe(recipe)
    assert call(["run", str(recipe), "--run-dir", str(tmp_path / "r")]) == 2
    assert "ouroloop ablate" in capsys.readouterr().err
    assert list(read_arms(recipe, (), {"task.size": ("6", "8")})) == ["6", "8"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("ablation = 3", "is a value, not a table"),
        ("[ablation]\nseedz = 3", "unknown key seedz; did you mean seeds?"),
        ("[ablation]\nseeds = 0", "seeds"),
        ('[ablation]\nplan = "all"', "plan"),
        ("[ablation]\nseeds = 3", "nothing to vary"),
        ('[ablation]\nvary = {perception = "json"}', "vary.perception is 'json', expected a list"),
        ('[ablation]\nvary = {perception = ["json"]}', "expected a list of two values"),
        ("[ablation]\nvary = {seed = [1, 2]}", "--seeds N"),
        ('[ablation.vary]\n"task.size" = [6, 8]\ntask.size = [6, 8]', "is there twice"),
    ],
)
def test_a_bad_table_is_one_line(table, said, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(table)
    with pytest.raises(UsageError) as caught:
        asked_of(read_axes(path)[1], ())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_are_dotted_in_quotes_or_tables_in_tables(tmp_path):
    path, found = tmp_path / "r.toml", []
    for table in ('vary = {"task.size" = [6, 8]}', "vary.task.size = [6, 8]", "[ablation.vary.task]\nsize = [6, 8]"):
        path.write_text(f"[ablation]\n{table}")
        found.append(asked_of(read_axes(path)[1], ()).vary)
    assert found == [{"task.size": ("6", "8")}] * 3


def test_several_recipes_are_arms_by_their_names(tmp_path):
    paths = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for path, size in zip(paths, (6, 8), strict=True):
        path.write_text(f"[task]\nsize = {size}")
    asked = asked_of_files(paths, (), None, None, "score")
    assert asked == Asked({"recipe": ("a", "b")}, "factorial", 5, "score")
    arms = read_files(paths, asked.vary["recipe"], ("budget.rounds=3",))
    assert [(name, arm.task.own.size, arm.budget.rounds) for name, arm in arms.items()] == [("a", 6, 3), ("b", 8, 3)]


def test_recipes_of_one_name_are_told_apart_by_their_places(tmp_path):
    paths = [tmp_path / "x" / "a.toml", tmp_path / "y" / "a.toml"]
    assert asked_of_files(paths, (), None, 2, None).vary == {"recipe": tuple(map(str, paths))}


@pytest.mark.parametrize(
    ("texts", "vary", "plan", "said"),
    [
        (("", ""), (), None, "cannot differ: they are the same settings"),
        (('[ablation]\nvary = {perception = ["json", "ascii"]}', ""), (), None, "a.toml says what an ablation varies"),
        (("seed = 1", "[task]\nsize = 6"), (), None, "the recipes have different seeds"),
        (("", "[task]\nsize = 6"), ("task.size=6,8",), None, "2 recipes and --vary task.size=6,8: give one recipe"),
        (("", "[task]\nsize = 6"), (), "one-at-a-time", "2 recipes and --one-at-a-time"),
    ],
)
def test_recipes_that_cannot_be_compared_are_refused(texts, vary, plan, said, tmp_path):
    paths = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)):
        read_files(paths, asked_of_files(paths, vary, plan, None, None).vary["recipe"], ())


def test_a_recipe_given_twice_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"r\.toml is given twice"):
        asked_of_files([tmp_path / "r.toml"] * 2, (), None, None, None)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8)


@given(WORDS)
def test_a_text_of_the_file_reaches_the_recipe_as_it_is(word):
    assert build_recipe({}, (f"start.policy={text_of(word)}",)).start.policy == word


@pytest.mark.parametrize("value", [True, 3, 0.1, 1e-5, [1, "a,b"], {"rank": 4, "x": ["}", '"']}, "5", "", " a", "json", "true"])
def test_a_value_of_the_file_is_what_an_option_sets(value):
    from ouroloop.runs.recipe import _assign

    tree: dict[str, object] = {}
    _assign(tree, f"key={text_of(value)}")
    assert tree["key"] == value
    assert type(tree["key"]) is type(value)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("axes*.toml")), ids=lambda path: path.stem)
def test_the_shipped_axes_make_arms_that_differ(path):
    asked = asked_of(read_axes(path)[1], ())
    assert len(read_arms(path, (), asked.vary, asked.plan)) == prod(len(values) for values in asked.vary.values()) > 1
    assert asked.vary["perception"][0] == "json"
