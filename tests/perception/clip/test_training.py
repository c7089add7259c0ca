"""The small CLIP learns, is the same for the same seed, and refuses what cannot be trained."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import torch_threads
from ouroloop.perception.clip import training
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.clip.encoding import scaled_encoder
from ouroloop.perception.clip.loading import load_clip
from ouroloop.perception.clip.training import CARD, ClipCard, train_clip
from ouroloop.perception.config import CameraConfig
from ouroloop.perception.encoders import evenly
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from tests.games.balance.task import BalanceTask
from tests.perception.clip.conftest import TASK, TINY


def quiet(phase, share, figures):
    """Take reports of progress and do nothing."""


def test_a_short_training_falls_well_below_chance_and_finds_what_phrases_name(trained):
    out, report, told = trained
    assert report.loss < math.log(TINY.groups * TINY.group) - 0.8
    assert report.localised["the apple"] > 0.9
    assert report.localised["the border"] > 0.9
    assert report.exact > 0.5
    assert report.parameters < 1_000_000
    assert [share for phase, share, _ in told if phase == "training"][-1] == 1.0
    card = ClipCard.model_validate_json((out / CARD).read_text())
    assert (card.task, card.side, card.by_image) == ("snake", 4, report.by_image)


def test_the_same_seed_gives_the_same_bytes_and_leaves_torch_alone(trained, tmp_path):
    config = TINY.model_copy(update={"steps": 2})
    state = torch.get_rng_state()
    with torch_threads(3):
        for name, seed in (("one", 5), ("two", 5), ("three", 6)):
            train_clip(TASK, config, seed, tmp_path / name, quiet)
        assert torch.get_num_threads() == 3
    assert torch.equal(state, torch.get_rng_state())
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    weights = [(tmp_path / name / "open_clip_model.safetensors").read_bytes() for name in ("one", "three")]
    assert weights[0] != weights[1]


def test_latents_are_scaled_and_read_out_on_boards_of_all_phases(trained, monkeypatch):
    monkeypatch.setattr(training, "READ", 64)
    clip, camera = load_clip(trained[0]), Camera(TASK, CameraConfig())
    positions = TASK.positions(3, 640).observations()
    encoder, _ = training._read_out(clip, camera, positions)
    spread = scaled_encoder(clip, camera.look(evenly(positions, 64)))
    assert np.allclose(encoder._mean, spread._mean, atol=1e-6)
    assert np.allclose(encoder._std, spread._std, atol=1e-6)


def test_each_step_has_noise_of_its_own_and_held_out_boards_are_drawn_from_two_seeds(monkeypatch):
    seeds = []
    monkeypatch.setattr(training, "losses", lambda clip, code, camera, *_: seeds.append(camera.seed) or {})
    config = TINY.model_copy(update={"steps": 3})
    camera = Camera(TASK, CameraConfig(), 5)
    assert len(list(training._losses(None, None, camera, TASK.positions(1, 8).observations(), config, 5))) == 3
    assert len({*seeds, camera.seed}) == 4
    drawn = []
    monkeypatch.setattr(training, "varied", lambda task, seed, count: drawn.append(np.random.default_rng(seed).random()))
    monkeypatch.setattr(training, "gallery", lambda sight, positions, count, rng: drawn.append(rng.random()))
    training._held_out(TASK, 5)
    assert len(set(drawn)) == 2


def test_images_are_aligned_with_json_as_well(tmp_path):
    config = TINY.model_copy(update={"states": "json", "steps": 40})
    report = train_clip(TASK, config, 1, tmp_path / "json", quiet)
    assert report.loss < math.log(TINY.groups * TINY.group) - 0.4
    assert '"[0,3]"' in (tmp_path / "json" / "tokenizer.json").read_text()


def test_what_cannot_be_trained_is_refused_in_one_line(trained, tmp_path):
    with pytest.raises(UsageError, match="exists already"):
        train_clip(TASK, TINY, 5, trained[0], quiet)
    with pytest.raises(UsageError, match="vision_width 32 is no multiple of the 5 heads"):
        train_clip(TASK, TINY.model_copy(update={"heads": 5}), 5, tmp_path / "c", quiet)
    with pytest.raises(UsageError, match="balance cannot be read out of its pictures"):
        train_clip(BalanceTask(), TINY, 5, tmp_path / "c", quiet)
    with pytest.raises(TrainingError, match="lower `rate`"):
        train_clip(TASK, TINY.model_copy(update={"rate": 1e30}), 5, tmp_path / "c", quiet)
    (tmp_path / "file").write_text("")
    with pytest.raises(SurroundingsError, match="cannot write"):
        train_clip(TASK, TINY.model_copy(update={"steps": 1}), 5, tmp_path / "file" / "c", quiet)
    with pytest.raises(ValidationError):
        ClipConfig.model_validate({"stepz": 3})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_configuration_loads_no_torch():
    code = "import sys, ouroloop.perception.clip.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
