"""The bench of Snake-GPT on a GPU, as far as a processor can do it."""

import pytest

from ouroloop.bench.gpu import speed
from ouroloop.bench.gpu import training as policy_gpu
from ouroloop.bench.gpu.chip import flops_per_token, peak_flops
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.sft.config import SftConfig
from ouroloop.policy.snake_gpt import create

TINY = {"hidden": 32, "layers": 1, "heads": 4, "intermediate": 32}


def test_operations_of_a_token_grow_with_weights_and_length():
    config = SftConfig(shape=TINY)
    weights = sum(weight.numel() for weight in create(SnakeTask(10), config.shape, 0).model.parameters())
    assert flops_per_token(config, 10, 0.0) == 6 * weights
    assert flops_per_token(config, 10, 20.0) == 6 * weights + 12 * 32 * 20


def test_a_product_takes_time():
    assert 1e8 < peak_flops("cpu", side=256, rounds=2) < 1e14


def test_a_clock_tells_the_median_of_steps_after_the_first():
    clock = speed.Clock(ends=[*range(0, 10 * speed.WARM, 10), 100.0, 101.0, 103.0, 104.0])
    assert clock.per_step() == 1.0


def test_the_document_says_speed_and_way(monkeypatch):
    monkeypatch.setattr(policy_gpu, "GOAL", 0.0)
    climb = {"steps": 4, "batch": 8, "positions": 300, "curve": 2, "shape": TINY}
    heard = []
    found = policy_gpu.measure(
        lambda what, share: heard.append(what),
        device="cpu",
        speeds={"tiny": {"steps": speed.WARM + 3, "batch": 8, "shape": TINY}},
        climb=climb,
    )
    row = found["training"]["tiny"]
    assert row["tokens_per_s"] == pytest.approx(row["steps_per_s"] * 8 * 17, rel=0.25)
    assert row["of_peak"] == pytest.approx(row["tflops"] / found["peak_tflops"], rel=0.2)
    assert (found["climb"]["step"], found["climb"]["steps"]) == (2, 4)
    assert 0 < found["climb"]["seconds"] <= found["climb"]["all_seconds"]
    assert [step for step, _, _ in found["climb"]["curve"]] == [2, 4]
    assert heard == ["peak", "tiny", "to a score of 0"]
