"""The benchmark of the small Gemma: every figure is there, and the table shows them."""

from __future__ import annotations

import io
import json

import pytest
import torch
from rich.console import Console

from ouroloop.bench.perception import gemma_shape
from ouroloop.bench.perception.gemma import measure_model, table
from ouroloop.bench.perception.gemma_shape import decision, four_b, on_cpu, random_model
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.gemma.config import GemmaConfig
from ouroloop.perception.gemma.training import train_gemma

HASTY = GemmaConfig.model_validate(
    {
        "tower": {"width": 16, "depth": 1},
        "text": {"width": 32, "depth": 1, "heads": 1, "inner": 32},
        "boards": 16,
        "steps": 2,
        "batch": 4,
        "played": 4,
        "held_out": 8,
    }
)


@pytest.mark.slow
def test_every_figure_is_measured_and_told(tmp_path):
    task = SnakeTask(6)
    train_gemma(task, HASTY, 0, tmp_path / "gemma", lambda *_: None)
    told = []
    settings = {"boards": 8, "free": 2, "games": 2, "decisions": 3, "whole": False}
    found = measure_model(tmp_path / "gemma", task, lambda what, share: told.append(share), 0, **settings)
    assert told == sorted(told)
    assert json.loads(json.dumps(found)) == found
    assert set(found["seen"]) == {"clean", "default", *task.sight.held_out}
    assert all(0 <= share <= 1 for row in found["seen"].values() for share in row.values())
    assert len(found["scores"]) == 5
    alone = found["scores"]["snake-gpt-6x6 plays, unseen"]
    assert alone[0] > 20 > found["scores"]["gemma plays, clean"][0]  # a model that has learned nothing plays badly
    assert found["costs"]["peak_mb"] > 50
    assert all(0 < row["p50"] <= row["p95"] for row in found["costs"]["ms"].values())
    Console(width=200, file=(shown := io.StringIO())).print(table(found))
    text = shown.getvalue()
    assert "boards read exactly, clean" in text
    assert "the same, token by token, batch 1" in text


def test_the_true_shape_has_the_weights_of_gemma_3_4b():
    model = random_model(four_b(), "meta", torch.bfloat16)
    assert sum(weight.numel() for weight in model.parameters()) == pytest.approx(4.3e9, rel=0.01)
    assert torch.get_default_dtype() == torch.float32


def small_shape():
    config = four_b(1, 1)
    for key, value in {"hidden_size": 64, "intermediate_size": 64, "vocab_size": 1024, "head_dim": 16}.items():
        setattr(config.text_config, key, value)
    for key, value in {"hidden_size": 32, "intermediate_size": 32, "image_size": 224}.items():
        setattr(config.vision_config, key, value)
    config.mm_tokens_per_image, config.image_token_index = 64, 1023
    return config


def test_what_fits_on_a_cpu_is_measured_and_what_does_not_is_said(monkeypatch):
    threads = torch.get_num_threads()
    ((name, found),) = on_cpu(small_shape()).items()
    assert name.endswith("one CPU thread")
    assert 0 < found["p50_ms"] <= found["most_ms"]
    assert found["peak_mb"] > 50
    monkeypatch.setattr(gemma_shape, "free_bytes", lambda: 1e5)
    ((_, said),) = on_cpu(small_shape()).items()
    assert "not measured: it needs" in said
    torch.set_num_threads(threads)


def test_a_decision_goes_through_tower_projector_and_decoder():
    config = small_shape()
    model = random_model(config, "cpu", torch.float32)
    seen = []
    model.model.multi_modal_projector.register_forward_hook(lambda *inner: seen.append(inner[2].shape))
    decision(model)()
    assert seen == [(1, 64, 64)]
