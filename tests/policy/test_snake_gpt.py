"""The policy directory, and the fast forward pass held against the model's own."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.serving import local
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.settings import Shape
from ouroloop.policy.snake_gpt import CARD, create, load, save
from ouroloop.protocols.errors import UsageError
from tests.games.balance.task import BalanceTask


def test_auto_classes_load_it(untrained, task):
    model, tokenizer = AutoModelForCausalLM.from_pretrained(untrained), AutoTokenizer.from_pretrained(untrained)
    policy = LocalPolicy(untrained, task=SnakeTask(6))
    observations = task.positions(1, 32).observations()
    batch = tokenizer(policy.policy.encoding.texts(observations), padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = model(**batch, logits_to_keep=1).logits[:, -1].numpy()
    assert np.allclose(policy.token_logits(observations), expected, atol=1e-5)
    assert policy.logits(observations).shape == (32, 4)
    assert policy.logits(observations).dtype == np.float32


@pytest.mark.parametrize("shape", [Shape(layers=1), Shape(layers=3, heads=2, hidden=32)])
def test_fast_forward_equals_the_model(shape, task):
    policy = create(SnakeTask(6), shape, 5)
    # Gains other than 1, or folding them into the matrices would go untested.
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            if "norm" in name:
                weight.mul_(torch.linspace(0.5, 1.5, len(weight)))
    observations = task.positions(2, 40).observations()
    ids, mask = policy.encoding.encode_batch(observations)
    with torch.inference_mode():
        inputs = {"input_ids": torch.from_numpy(ids).long(), "attention_mask": torch.from_numpy(mask).long()}
        expected = policy.model.eval()(**inputs).logits[:, -1].numpy()
    assert np.allclose(LocalPolicy(policy).token_logits(observations), expected, atol=1e-5)


def test_logits_do_not_depend_on_the_neighbours_in_the_batch(untrained, task):
    policy = LocalPolicy(untrained)
    observations = task.positions(4, 50).observations()
    together = policy.logits(observations)
    apart = np.concatenate([policy.logits(observations.take([row])) for row in range(50)])
    assert np.allclose(together, apart, atol=1e-5)
    assert np.array_equal(together, policy.logits(observations))
    assert policy.logits(observations.take([])).shape == (0, 4)


def test_prompts_are_cut_into_parts_between_them(untrained, task, monkeypatch):
    policy = LocalPolicy(untrained)
    observations = task.positions(4, 50).observations()
    whole = policy.token_logits(observations)
    monkeypatch.setattr(local, "TOKENS", 30)
    ids, mask = policy.policy.encode(observations)
    parts = list(local.packed(ids, mask))
    assert [row for part, _, _ in parts for row in range(part.start, part.stop)] == list(range(50))
    assert np.array_equal(np.concatenate([tokens for _, tokens, _ in parts]), ids[mask])
    assert all(part.stop - part.start == 1 or len(tokens) <= 30 for part, tokens, _ in parts)
    assert len(parts) > 5
    assert np.allclose(policy.token_logits(observations), whole, atol=1e-5)


def test_bfloat16_is_near_and_repeats_itself(task):
    policy = create(SnakeTask(6), Shape(), 3)
    exact, near = LocalPolicy(policy), LocalPolicy(policy, precision="bfloat16")
    observations = task.positions(4, 300).observations()
    logits, expected = near.logits(observations), exact.logits(observations)
    assert not np.array_equal(logits, expected)
    assert np.allclose(logits, expected, atol=0.05)
    assert np.array_equal(logits, near.logits(observations))
    best = np.sort(expected, axis=1)
    clear = best[:, -1] - best[:, -2] > 0.05
    assert np.array_equal(logits.argmax(axis=1)[clear], expected.argmax(axis=1)[clear])


def test_refresh_sees_new_weights(task):
    policy = create(SnakeTask(6), Shape(hidden=16), 1)
    player = LocalPolicy(policy)
    observations = task.positions(1, 4).observations()
    before = player.logits(observations)
    with torch.no_grad():
        policy.model.model.embed_tokens.weight.mul_(2)
    assert np.array_equal(player.logits(observations), before)
    player.refresh()
    assert not np.allclose(player.logits(observations), before)


def test_same_seed_same_weights():
    first, second, other = (create(SnakeTask(6), Shape(), seed).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_refusals(untrained, tmp_path):
    with pytest.raises(UsageError, match="no policy directory"):
        load(tmp_path)
    with pytest.raises(UsageError, match="size 6, found size 8"):
        load(untrained, task=SnakeTask(8))
    with pytest.raises(UsageError, match="the game snake, found balance"):
        load(untrained, task=BalanceTask())


def test_refuses_other_vocabulary_and_damage(tmp_path):
    policy = create(SnakeTask(6), Shape(hidden=16), 1)
    save(policy, tmp_path / "p")
    card = json.loads((tmp_path / "p" / CARD).read_text())
    (tmp_path / "p" / CARD).write_text(json.dumps(card | {"size": 8}))
    with pytest.raises(UsageError, match="tokens, the encoding"):
        load(tmp_path / "p")
    (tmp_path / "p" / CARD).write_text(json.dumps(card))
    (tmp_path / "p" / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "p")
