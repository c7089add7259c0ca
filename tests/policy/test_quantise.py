"""Policies in several precisions: close to the whole one, smaller, and compared on the same games and positions."""

import sys

import numpy as np
import pytest
import torch

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import HfPolicy, load_base, save_policy
from ouroloop.policy.bases.loading import fast_dtype
from ouroloop.policy.quantise import PRECISIONS, compare, in_precision, megabytes
from ouroloop.policy.settings import LoraSettings, Shape
from ouroloop.policy.snake_gpt import create, save
from ouroloop.protocols.errors import SurroundingsError
from tests.policy.checkpoints import checkpoint

SEEDED_LORA = LoraSettings(rank=4)


@pytest.fixture(scope="module")
def base_dir(tmp_path_factory):
    """A base with an adapter that is not nothing."""
    folder = tmp_path_factory.mktemp("quantise")
    policy = load_base(
        checkpoint(folder / "base", "qwen"), SnakeTask(6), encoding="json", adapter=SEEDED_LORA, dtype=torch.float32
    )
    for name, weight in policy.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    save_policy(policy, folder / "policy")
    return folder / "policy"


@pytest.fixture(scope="module")
def snake_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snake") / "policy"
    policy = create(SnakeTask(6), Shape(), 3)
    with torch.no_grad():
        policy.model.model.embed_tokens.weight.mul_(4)  # or the logits of random weights are all about nothing
    save(policy, folder)
    return folder


@pytest.mark.parametrize("kind", ["base", "snake"])
def test_close_to_the_whole_one_and_smaller(base_dir, snake_dir, task, kind):
    path, seen = {"base": base_dir, "snake": snake_dir}[kind], task.positions(1, 16).observations()
    policies = {precision: in_precision(path, "snake", precision) for precision in PRECISIONS}
    sizes = {precision: megabytes(policy.model) for precision, policy in policies.items()}
    logits = {precision: HfPolicy(policy).logits(seen) for precision, policy in policies.items()}
    assert sizes["fp32"] > 1.9 * sizes["bf16"]
    unquantised = "bf16" if fast_dtype("cpu") == torch.bfloat16 else "fp32"  # what is not quantised stays in the fast type
    assert sizes[unquantised] > sizes["nf4"]
    assert sizes["int8"] > sizes["nf4"]
    spread = logits["fp32"].std()
    error = {precision: np.sqrt(np.mean((logits[precision] - logits["fp32"]) ** 2)) / spread for precision in PRECISIONS}
    assert error["fp32"] == 0
    assert 0 < error["bf16"] < 0.05
    assert 0 < error["int8"] < 0.06
    assert error["int8"] < error["nf4"] < 0.5


def test_megabytes_count_what_is_shared_once():
    policy = create(SnakeTask(6), Shape(), 1)
    assert policy.model.config.tie_word_embeddings
    assert megabytes(policy.model) == pytest.approx(policy.model.num_parameters() * 4 / 1e6, rel=0.01)


@pytest.mark.parametrize("kind", ["base", "snake"])
def test_compare(base_dir, snake_dir, task, kind):
    path, told = {"base": base_dir, "snake": snake_dir}[kind], []
    precisions = ("fp32", "nf4") if kind == "base" else ("bf16", "fp32", "int8")
    rows = compare(path, task, 3, precisions=precisions, positions=24, seed=5, progress=lambda *now: told.append(now))
    assert tuple(row.precision for row in rows) == precisions
    assert (rows[0].agreement, rows[0].deviation) == (1.0, 0.0)
    assert all(row.deviation > 0 and 0.2 < row.agreement <= 1 and row.decisions_per_s > 0 for row in rows[1:])
    assert all(0 <= row.score.low <= row.score.mean <= row.score.high for row in rows)
    assert [progress for _, progress, _ in told] == [(k + 1) / len(rows) for k in range(len(rows))]


def test_same_seed_same_scores(snake_dir, task):
    first, second = (compare(snake_dir, task, 4, precisions=("fp32",), positions=8, seed=2)[0] for _ in range(2))
    assert (first.score, first.megabytes) == (second.score, second.megabytes)


def test_without_bitsandbytes(snake_dir, base_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    for path in (snake_dir, base_dir):
        with pytest.raises(SurroundingsError, match="pip install bitsandbytes"):
            in_precision(path, "snake", "int8")
        in_precision(path, "snake", "fp32")
