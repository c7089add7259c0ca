"""The commands that train eyes, and policies that look through them; wrong eyes are one line before any work."""

import json
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.policy.bases import open_policy
from ouroloop.policy.fusion.seeing import Seeing

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
    lines = [line for line in capfd.readouterr().err.splitlines() if said in line]
    assert len(lines) == 1
    assert not (tmp_path / "out").exists()
