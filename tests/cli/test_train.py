"""The train commands: from a recipe to a policy directory that explains itself, and errors before any work."""

import json
import tomllib

import pytest

from ouroloop.bench.policy.base import write_policy
from ouroloop.cli.main import call
from ouroloop.policy.settings import Shape
from ouroloop.rewards.language import parse

TINY = [
    *("--set", "sft.steps=4", "--set", "sft.positions=300", "--set", "sft.batch=16", "--set", "sft.curve=2"),
    *("--set", "sft.shape={hidden=16,layers=1,heads=2,intermediate=16}", "--games", "4"),
]


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "tiny"
    assert call(["train", "sft", "--out", str(out), "--seed", "3", *TINY]) == 0
    return out


def test_sft_leaves_a_policy_that_explains_itself(policy):
    document = json.loads((policy / "training.json").read_text())
    assert document["kind"] == "sft"
    assert document["steps"] == len(document["loss"]) == 4
    assert [step for step, _ in document["curve"]] == [2, 4]
    recipe = tomllib.loads(document["recipe"])
    assert (recipe["seed"], recipe["sft"]["steps"]) == (3, 4)
    assert (document["start"], document["reward"], recipe["start"]["policy"]) == (None, None, "sft")
    card, found = (policy / "README.md").read_text(), document["evaluation"]["score"]
    assert f"{found['mean']:.2f}, 95 % interval {found['low']:.2f} to {found['high']:.2f}" in card
    assert "ouroloop train sft --out run --seed 3 --set sft.steps=4" in card
    assert (policy / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert not list(policy.parent.glob(".*"))


def test_the_card_names_what_loads_the_policy(policy, tmp_path):
    """A base's own files are not all that it needs."""
    assert "`AutoModelForCausalLM` and `AutoTokenizer` load it" in (policy / "README.md").read_text()
    out = tmp_path / "base"
    write_policy(tmp_path / "start", 6, Shape(hidden=16, layers=1, heads=1, intermediate=16))
    arguments = ["train", "sft", "--start", str(tmp_path / "start"), "--out", str(out), "--games", "2"]
    assert (
        call([*arguments, "--set", "sft.steps=1", "--set", "sft.positions=50", "--set", "sft.batch=2", "--set", "task.size=6"])
        == 0
    )
    assert "`ouroloop.policy.bases.open_policy` loads it" in (out / "README.md").read_text()


def test_grpo_goes_on_from_a_policy(policy, tmp_path, capsys):
    reward = tmp_path / "reward.json"
    reward.write_text('{"terms": [{"name": "food", "expr": "ate", "weight": 1.0}], "gamma_r": 0.2}')
    out = tmp_path / "further"
    knobs = ["grpo.steps=2", "grpo.states=8", "grpo.crews=1", "grpo.games=16", "grpo.stagger=0", "grpo.horizon=4"]
    sets = [part for knob in knobs for part in ("--set", knob)]
    arguments = ["train", "grpo", "--start", str(policy), "--reward", str(reward), "--out", str(out), *sets]
    assert call([*arguments, "--games", "4", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["steps"] == 2
    assert document["evaluation"]["games"] == 4
    assert (out / "model.safetensors").read_bytes() != (policy / "model.safetensors").read_bytes()
    made = json.loads((out / "training.json").read_text())
    assert made["start"] == tomllib.loads(made["recipe"])["start"]["policy"] == str(policy)
    assert parse(made["reward"]) == parse(reward.read_text())
    card = (out / "README.md").read_text()
    assert f"--start {policy} --reward {reward}" in card
    assert "under the reward of which `training.json` holds the spec" in card


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sft", "--set", "sft.stepz=3"], "stepz"),
        (["sft", "--set", "sft.encoding=emoji"], "choose one of path, cells"),
        (["sft", "--set", "sft.teacher=nobody", "--set", "sft.steps=2"], "choose one of astar"),
        (["sft", "--start", "snake-gpt-7x7"], "snake-gpt-7x7"),
        (["grpo", "--start", "POLICY", "--reward", "nowhere.json"], "nowhere.json"),
        (["sft", "--start", "POLICY", "--set", "task.size=8"], "found size 8"),
        (["distill"], "--teacher"),
    ],
)
def test_wrong_inputs_are_named_before_any_work(policy, tmp_path, capfd, arguments, says):
    given = [str(policy) if part == "POLICY" else part for part in arguments]
    assert call(["train", given[0], "--out", str(tmp_path / "out"), *given[1:]]) == 2
    assert says in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_output_is_not_overwritten(policy, capfd):
    assert call(["train", "sft", "--out", str(policy), *TINY]) == 2
    assert "exists already" in capfd.readouterr().err
