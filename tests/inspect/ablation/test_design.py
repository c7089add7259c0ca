"""What an ablation compares is checked before the first game; what cannot be compared is refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.inspect.ablation.axes import Asked, Axes, asked_of, parse_vary
from ouroloop.inspect.ablation.design import (
    Arms,
    Design,
    arm_settings,
    check_arms,
    make_design,
    read_arms,
    read_design,
    settled,
    write_design,
)
from ouroloop.inspect.ablation.document import Measure, Plan
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.recipe import recipe_toml
from tests.runs.small_run import micro

RECIPES = Path(__file__).parents[3] / "recipes"
QUICKSTART = RECIPES / "quickstart.toml"


def arms_of(*vary: str, overrides: tuple[str, ...] = (), plan: Plan | None = None) -> list[str]:
    asked = asked_of(Axes(), vary, plan)
    return list(read_arms(QUICKSTART, overrides, asked.vary, asked.plan))


def design_of(
    vary: dict[str, tuple[str, ...]], arms: Arms, seeds: int, first: int | None, measure: Measure = "utility"
) -> Design:
    return make_design(Asked(vary, "factorial", seeds, measure), arms, first)


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ((), "nothing to vary"),
        (("perception",), "not of the form"),
        (("perception=json",), "two values"),
        (("=a,b",), "not of the form"),
        (("perception=json,",), "empty value"),
        (("seed=1,2",), "--seeds N"),
        (("perception=json,vision", "perception=vision,json"), "given twice"),
        (("perception=json,json",), "given twice"),
        (("perceptoin=json,vision",), "did you mean perception"),
        (("perception=json,ears",), "arm perception=ears"),
        (("gate.alpha=0.05,0.050",), "same settings"),
        (("sft.steps=5,6",), "sft.steps: start.policy is given"),
        (("reader.steps=5,6",), 'reader.steps: perception is "json"'),
        (("camera.noise=0.1,0.2",), "camera.noise"),
        (("perception=vision,vision-reader",), "same settings"),
        (("fusion.stage=lora,all",), "no policy that gets latents is made in this run"),
        (("clip.steps=5,6",), "no clip is trained for this run"),
        (("distill.logits=5,6",), "ouroloop train distill"),
        (("threads=1,2",), "how fast"),
        (("name=a,b",), "only names"),
        (("roles.critic.count=1,2",), "proposes nothing"),
        (("roles.code_patcher.temperature=0.1,0.2",), "no chat model"),
        (("perception=json,vision", "camera.noise=0.1,0.2"), "cannot differ"),
        (("approve=none,patch",), "nobody is there to answer"),
    ],
)
def test_what_cannot_be_compared_is_refused(vary, said):
    with pytest.raises(UsageError, match=r".") as caught:
        arms_of(*vary)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "vary", "refused"),
    [
        (("roles.reward_designer.count=0",), "grpo.steps=1,2", True),
        (("roles.reward_designer.count=0",), "halving.eta=2,3", True),
        (("roles.reward_designer.count=0",), "roles.reward_designer.timeout_s=1,2", True),
        ((), "grpo.steps=1,2", False),
        ((), "roles.reward_designer.count=0,2", False),
        (("start.policy=sft",), "sft.steps=5,6", False),
        (("start.policy=random",), "sft.steps=5,6", True),
        (("start.policy=random",), "sft.shape.layers=1,2", False),
        (("perception=vision",), "camera.noise=0.1,0.2", False),
        (("perception=ascii", "start.policy=sft"), "sft.encoding=path,cells", True),
        (("perception=vision-latent", "start.policy=sft"), "sft.encoding=path,cells", True),
        (("perception=vision-latent", "start.policy=sft"), "fusion.readout=0,1", False),
        (("perception=vision-latent", "start.policy=sft"), "fusion.lora.rank=2,4", True),
        (("perception=vision-latent", "start.policy=sft"), "clip.steps=5,6", True),
        (("perception=vision-latent", "start.policy=sft", "eyes.latents=vae"), "vae.steps=5,6", False),
        (("perception=clip", "start.policy=sft"), "clip.steps=5,6", False),
        (("perception=clip", "start.policy=sft", "eyes.encoder=a"), "clip.steps=5,6", True),
        (("start.policy=sft",), "perception=json,ascii,vision-reader,vision-latent,clip,gemma3", False),
        ((), "budget.rounds=1,2", False),
        ((), "start.policy=sft,snake-gpt-6x6", False),
    ],
)
def test_arms_differ_if_a_run_reads_the_key(overrides, vary, refused):
    if refused:
        with pytest.raises(UsageError, match="cannot differ"):
            arms_of(vary, overrides=overrides)
    else:
        assert len(arms_of(vary, overrides=overrides)) == 1 + vary.count(",")


def test_start_files_differ_by_their_content(tmp_path):
    for name, text in (("a.py", "A = 1\n"), ("b.py", "A = 1\n"), ("c.py", "A = 2\n")):
        (tmp_path / name).write_text(text)
    same, other = (f"start.controller={tmp_path}/a.py,{tmp_path}/{name}" for name in ("b.py", "c.py"))
    with pytest.raises(UsageError, match="cannot differ"):
        arms_of(same)
    assert len(arms_of(other)) == 2


def test_several_keys_make_all_combinations():
    found = arms_of("task.size=6,8", "gate.games=64,96,128")
    assert found[0] == "task.size=6, gate.games=64"
    assert len(found) == len(set(found)) == 6


def test_one_at_a_time_each_arm_differs_from_the_first_in_one_key():
    vary = {"perception": ("json", "vision"), "gate.games": ("64", "96", "128"), "task.size": ("6", "8")}
    found = arm_settings(vary, "one-at-a-time")
    first = {"perception": "json", "gate.games": "64", "task.size": "6"}
    assert list(found) == ["baseline", "perception=vision", "gate.games=96", "gate.games=128", "task.size=8"]
    assert found["baseline"] == first
    assert found["gate.games=128"] == first | {"gate.games": "128"}
    assert list(arm_settings({"gate.games": ("64", "96")}, "one-at-a-time")) == ["64", "96"], "one key names itself"
    assert arms_of("task.size=6,8", "gate.games=64,96,128", plan="one-at-a-time")[1:] == [
        "task.size=8",
        "gate.games=96",
        "gate.games=128",
    ]
    with pytest.raises(UsageError, match="given twice"):
        arm_settings({"a": ("1", "1"), "b": ("2", "3")}, "one-at-a-time")


def test_a_key_is_either_set_or_varied():
    with pytest.raises(UsageError, match="contradict"):
        arms_of("gate.games=64,96", overrides=("gate.games=32",))


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("start.policy=snake-gpt-6x6,no/such/policy", "arm start.policy=no/such/policy: "),
        ("task.size=6,1000", "arm task.size=1000: "),
        (
            "start.controller=none.py,other.py",
            "arm start.controller=none.py: start.controller: the file none.py",
        ),
        ("roles.code_patcher.use=search-patcher,search-critic", "arm roles.code_patcher.use=search-critic: "),
    ],
)
def test_an_arm_that_cannot_begin_is_named(vary, said):
    varied = parse_vary((vary,))
    arms = read_arms(QUICKSTART, ("sandbox=wasm",), varied)
    with pytest.raises(UsageError) as caught:
        check_arms(arms, varied)
    assert str(caught.value).startswith(said)


def test_seeds_follow_the_first_which_is_drawn_unless_it_is_given():
    arms = {"a": micro(), "b": micro("gate.games=64")}
    assert design_of({}, arms, 3, 7).seeds == (7, 8, 9)
    drawn = {design_of({}, arms, 2, None).seeds for _ in range(4)}
    assert len(drawn) == 4
    for first in (-1, (1 << 63) - 1):
        with pytest.raises(UsageError, match="choose 0 to"):
            design_of({}, arms, 2, first)


def test_a_folder_holds_one_ablation(tmp_path):
    recipe, folder = tmp_path / "r.toml", tmp_path / "out"
    recipe.write_text(recipe_toml(micro()))
    vary = parse_vary(("gate.games=64,96",))
    arms = read_arms(recipe, (), vary)
    begun = design_of(vary, arms, 2, None)
    assert read_design(folder) is None
    write_design(folder, begun)
    assert read_design(folder) == begun
    assert settled(folder, design_of(vary, arms, 2, None), drawn=True) == begun
    other = parse_vary(("gate.positions=64,96",))
    more = read_arms(recipe, ("budget.rounds=3",), vary)
    for said, design in {
        "what it varies": design_of(other, read_arms(recipe, (), other), 2, begun.seeds[0]),
        "which combinations": make_design(Asked(vary, "one-at-a-time", 2, "utility"), arms, begun.seeds[0]),
        "its other settings": design_of(vary, more, 2, begun.seeds[0]),
        "number of seeds": design_of(vary, arms, 3, begun.seeds[0]),
        "first seed": design_of(vary, arms, 2, 5),
        "the measure": design_of(vary, arms, 2, begun.seeds[0], "score"),
    }.items():
        with pytest.raises(UsageError, match=said):
            settled(folder, design, drawn=False)
    assert read_design(folder) == begun


@pytest.mark.parametrize("content", [None, "{", '{"vary": {}}'])
def test_a_folder_of_other_files_is_left_alone(content, tmp_path):
    (tmp_path / ("notes.txt" if content is None else "design.json")).write_text(content or "mine")
    with pytest.raises(UsageError, match="choose"):
        read_design(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is no folder"):
        read_design(tmp_path / "file")
    arms = {"a": micro()}
    with pytest.raises(UsageError, match="choose another --out"):
        write_design(tmp_path / "file" / "out", design_of({}, arms, 1, 0))
