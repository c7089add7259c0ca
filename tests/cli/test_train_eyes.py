"""The commands that train eyes, and policies that look through them; wrong eyes are one line before any work."""

import json
import shlex
import tomllib
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.envs.registry import make_task
from ouroloop.perception.reader import load_reader
from ouroloop.policy.bases import open_policy
from ouroloop.policy.fusion.seeing import Seeing
from ouroloop.runs.recipe import build_recipe, load_recipe

BOARD = ("--set", "task.size=4")
VAE = [
    part
    for key in ("steps=3", "boards=16", "batch=4", "image_px=16", "width=2", "latents=6")
    for part in ("--set", f"vae.{key}")
]
SFT = [
    *("--set", "sft.steps=3", "--set", "sft.positions=100", "--set", "sft.batch=8", "--games", "3"),
    *("--set", "sft.shape={hidden=16,layers=1,heads=2,intermediate=16}", "--set", "fusion.spread=2"),
]


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("eyes") / "vae"
    assert call(["train", "vae", "--out", str(out), *BOARD, *VAE, "--seed", "3"]) == 0
    return out


@pytest.fixture(scope="module")
def sees(vae: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sees") / "policy"
    assert call(["train", "sft", "--eye", str(vae), "--out", str(out), *BOARD, *SFT]) == 0
    return out


def test_an_encoder_is_trained_and_its_figures_are_told(tmp_path, capsys):
    assert call(["train", "vae", "--out", str(tmp_path / "vae"), *BOARD, *VAE, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["seed"], document["figures"]["steps"]) == ("vae", 0, 3)
    assert (tmp_path / "vae" / "vae.json").is_file()
    assert call(["train", "vae", "--out", str(tmp_path / "vae"), *BOARD, *VAE]) == 2
    assert "exists already" in capsys.readouterr().err


def test_its_figures_and_its_recipe_lie_beside_it_and_whole_numbers_are_whole(vae):
    document = json.loads((vae / "training.json").read_text())
    assert (document["kind"], document["seed"]) == ("vae", 3)
    assert build_recipe(tomllib.loads(document["recipe"]), ()).vae.latents == 6
    steps, seconds = document["figures"]["steps"], document["figures"]["seconds"]
    assert (type(steps), steps) == (int, 3)
    assert seconds > 0


READER = [
    part
    for key in ("steps=2", "sizes=[4]", "cells=100", "batch_cells=64", "width=16", "depth=1")
    for part in ("--set", f"reader.{key}")
]


def test_what_it_proposes_next_is_for_the_same_game(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("my recipe.toml").write_text('name = "small"\n[camera]\nnoise = 0.5\n')
    assert call(["train", "reader", "my recipe.toml", "--out", "my eyes", *BOARD, *READER]) == 0
    told = capsys.readouterr().out
    assert "exact shaken at 4" in told
    assert "processor seconds" in told
    words = shlex.split(next(line for line in told.splitlines() if line.startswith("next: ")))
    assert words[:4] == ["next:", "ouroloop", "run", "my recipe.toml"]
    assert words[4::2] == ["--set"] * len(words[5::2])
    recipe = load_recipe(Path(words[3]), tuple(words[5::2]))
    assert (recipe.task.model_dump()["size"], recipe.camera.noise, recipe.perception) == (4, 0.5, "vision-reader")
    assert load_reader(Path(recipe.eyes.reader), make_task(recipe.task)).side == 4


def test_the_command_that_it_proposes_next_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(["train", "vae", "--out", "eyes", *BOARD, *VAE]) == 0
    words = shlex.split(next(line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")))
    assert words[:4] == ["next:", "ouroloop", "train", "sft"]
    assert call([*words[2:], *SFT]) == 0
    assert (tmp_path / words[-1]).is_dir()


@pytest.mark.parametrize("part", ["clip", "gemma", "vae"])
def test_no_eye_is_trained_on_a_look_that_is_held_out(part, tmp_path, capfd):
    assert call(["train", part, "--out", str(tmp_path / "out"), *BOARD, "--set", f"{part}.camera.look=garden"]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "'garden' of the game snake is held out to measure with" in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_policy_looks_through_it_and_explains_itself(sees, vae, capsys):
    policy = open_policy(sees)
    assert isinstance(policy, Seeing)
    assert (policy.eye.name, policy.layout.tokens, policy.eye.width) == ("vae", 2, 6)
    card = (sees / "README.md").read_text()
    assert "it sees a picture of the position" in card
    assert f"--eye {vae}" in card
    assert call(["eval", "--policy", str(sees), "--games", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens_per_decision"] == policy.prompt_tokens


def test_it_is_trained_further_with_its_own_eye(sees, tmp_path):
    out = tmp_path / "on"
    assert call(["train", "sft", "--start", str(sees), "--out", str(out), *BOARD, *SFT, "--set", "fusion.stage=projector"]) == 0
    policy = open_policy(out)
    assert isinstance(policy, Seeing)
    assert (policy.fusion.stage, policy.eye.name) == ("projector", "vae")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--eye", "nowhere"], "--eye nowhere is no eye, reader or encoder"),
        (["--eye", "VAE", "--start", "SEES"], "sees already: leave --eye out"),
        (["--eye", "VAE", "--set", "camera.look=psychedelic"], "set camera.look to one of"),
        (["--eye", "VAE", "--set", "fusion.spread=200", "--set", "fusion.tokens=100"], "fusion.spread 200 is more than"),
        (["--set", "perception=clip", "--set", "eyes.encoder=VAE"], "kind 'vae', expected 'clip'"),
        (["--set", "perception=gemma3"], 'perception = "gemma3" needs a gemma'),
        (["--set", "perception=ears"], "perception"),
    ],
)
def test_wrong_eyes_are_named_in_one_line(sees, vae, tmp_path, capfd, arguments, said):
    given = [part.replace("VAE", str(vae)).replace("SEES", str(sees)) for part in arguments]
    assert call(["train", "sft", "--out", str(tmp_path / "out"), *BOARD, *SFT, *given]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "out").exists()
