"""A policy that sees: it learns by SFT and GRPO, is kept and opened again, and its stages change what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import open_policy, player_of, save_policy
from ouroloop.policy.evaluation import evaluate
from ouroloop.policy.fusion.config import FusionConfig, Stage
from ouroloop.policy.fusion.eyes import open_eye
from ouroloop.policy.fusion.seeing import Seeing, create_seeing
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.grpo.fit import train_grpo
from ouroloop.policy.settings import LoraSettings, Shape
from ouroloop.policy.sft.config import SftConfig
from ouroloop.policy.sft.fit import fit_sft
from ouroloop.policy.snake_gpt import create, save
from ouroloop.protocols.errors import UsageError
from tests.policy.fusion.eyes import dim_eye

TASK = SnakeTask(4)
SMALL = Shape(hidden=16, layers=1, heads=2, intermediate=16)
SFT = SftConfig(steps=24, batch=32, positions=200, dagger=2, dagger_positions=50, shape=SMALL, learning_rate=1e-2)
FUSION = FusionConfig(spread=4, readout=0.1, projector=16, lora=LoraSettings(rank=2, dropout=0.0))
GRPO = GrpoConfig(
    steps=2, states=8, group=4, crews=1, games=8, stagger=0, horizon=4, truth_every=2, truth_games=4, iterations=1
)


@pytest.fixture(scope="module")
def eye(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dim_eye(tmp_path_factory.mktemp("eye"), TASK)


@pytest.fixture(scope="module")
def trained(eye: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float], dict[str, float]]:
    """A policy after SFT through an eye, its losses, and its figures."""
    out = tmp_path_factory.mktemp("seeing") / "policy"
    report = fit_sft(TASK, SFT, 3, out, eye=eye, fusion=FUSION)
    return out, list(report.loss), dict(report.health)


def logits(policy: Seeing, count: int = 12) -> np.ndarray:
    found: np.ndarray = player_of(policy).logits(TASK.positions(9, count).observations())
    return found


def test_it_learns_from_what_it_sees(trained):
    _, loss, health = trained
    assert np.mean(loss[-4:]) < 0.8 * np.mean(loss[:4])
    assert 0 < health["board_read"] < 1


def test_the_same_seed_gives_the_same_policy_and_a_copy_answers_alike(trained, eye, tmp_path):
    first, _, _ = trained
    fit_sft(TASK, SFT, 3, tmp_path / "again", eye=eye, fusion=FUSION)
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (first / "model.safetensors").read_bytes()
    opened = open_policy(first)
    assert isinstance(opened, Seeing)
    save_policy(opened, tmp_path / "copy")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "copy") for path in (tmp_path / "copy").rglob("*") if path.is_file())
    assert all((tmp_path / "copy" / name).read_bytes() == (first / name).read_bytes() for name in files)
    assert np.array_equal(logits(open_policy(tmp_path / "copy")), logits(opened))


def test_it_looks_at_the_scene_and_not_at_what_was_read(trained):
    policy = open_policy(trained[0])
    truth, misread = TASK.positions(1, 6).observations(), TASK.positions(2, 6).observations()
    behind = type(truth)(misread.constants, {**misread.columns, "idle": truth.columns["idle"]}, misread.lengths, truth)
    assert np.array_equal(policy.encode(behind)[0], policy.encode(truth)[0])
    assert not np.array_equal(policy.encode(misread)[0], policy.encode(truth)[0])


def test_it_plays_whole_games_and_a_batch_is_as_good_as_one(trained):
    policy = open_policy(trained[0], task=TASK)
    player, positions = player_of(policy), TASK.positions(4, 9).observations()
    apart = np.concatenate([player.logits(positions.take([row])) for row in range(9)])
    assert np.allclose(player.logits(positions), apart, atol=1e-4)
    assert player.logits(positions.take([])).shape == (0, 4)
    found = evaluate(TASK, player, np.arange(6, dtype=np.uint64))
    assert found.tokens_per_decision == policy.layout.length


def test_grpo_trains_through_the_eye(trained, tmp_path):
    start, out = trained[0], tmp_path / "further"
    report = train_grpo(TASK, start, lambda features: features[..., 0], lambda progress: 0.5, GRPO, 1, out)
    assert report.steps == 2
    assert report.health["sampler_gap"] < 1e-4
    assert (out / "model.safetensors").read_bytes() != (start / "model.safetensors").read_bytes()
    assert not np.allclose(logits(open_policy(out)), logits(open_policy(start)))


@pytest.mark.parametrize("stage", ["projector", "lora"])
def test_a_stage_leaves_the_body_as_it_was(stage: Stage, eye, tmp_path):
    save(create(TASK, SMALL, 7, "cells"), tmp_path / "body")
    body = open_policy(tmp_path / "body").model.state_dict()
    settings = SFT.model_copy(update={"steps": 3, "dagger": 1, "shape": Shape()})
    fusion = FUSION.model_copy(update={"stage": stage})
    fit_sft(TASK, settings, 3, tmp_path / "sees", start=tmp_path / "body", eye=eye, fusion=fusion)
    opened = open_policy(tmp_path / "sees")
    assert opened.encoding.name == "cells"
    found = opened.model.state_dict()
    same = {name for name, weight in body.items() if torch.equal(found[name], weight)}
    changed = set(body) - same
    assert all("_proj" in name for name in changed)
    assert bool(changed) is (stage == "lora")
    fresh = create_seeing(TASK, SMALL, 3, open_eye(eye, TASK), fusion, body=open_policy(tmp_path / "body"))
    before = {name.split("modules_to_save.default.")[-1]: weight for name, weight in fresh.model.state_dict().items()}
    assert not torch.equal(found["folding.widen.weight"], next(w for n, w in before.items() if n.endswith("widen.weight")))
    further = settings.model_copy(update={"steps": 2})
    fit_sft(TASK, further, 4, tmp_path / "on", start=tmp_path / "sees", fusion=fusion.model_copy(update={"stage": "all"}))
    on = open_policy(tmp_path / "on")
    assert on.fusion.stage == "all"
    assert not torch.equal(on.model.state_dict()["lm_head.weight"], found["lm_head.weight"])


def test_an_eye_is_not_given_twice(trained, eye, tmp_path):
    with pytest.raises(UsageError, match="sees already"):
        fit_sft(TASK, SFT, 3, tmp_path / "out", start=trained[0], eye=eye, fusion=FUSION)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("eye/eye.json", {"eye": "os:system"}, "kind 'os:system', which is not installed"),
        ("eye/eye.json", {"task": "balance"}, "looks at the game balance"),
        ("eye/eye.json", {"encoder": "telescope"}, "no encoder of the kind 'telescope'"),
        ("eye/eye.json", {"encoder": "clip"}, "kind 'vae', expected 'clip'"),
        ("seeing.json", {"size": 6}, "kinds|tokens|board|pictures"),
        ("seeing.json", {"fusion": {"stage": "eyes"}}, "missing or damaged"),
        ("config.json", {"model_type": "llama"}, "model_type"),
        ("config.json", {"auto_map": {"AutoModel": "x.Y"}}, "auto_map"),
        ("config.json", {"layout": {"rows": 9_999}}, "layout"),
    ],
)
def test_a_directory_from_a_stranger_is_refused_in_one_line(trained, tmp_path, name, changes, said):
    place = tmp_path / "given"
    shutil.copytree(trained[0], place)
    found = json.loads((place / name).read_text())
    merged = {key: {**found[key], **value} if key == "layout" else value for key, value in changes.items()}
    (place / name).write_text(json.dumps({**found, **merged}))
    with pytest.raises(UsageError, match=said) as caught:
        open_policy(place)
    assert "\n" not in str(caught.value)
