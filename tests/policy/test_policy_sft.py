"""Lessons, masks and supervised fine-tuning."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ouroboros.policy.data import balanced, teach
from ouroboros.policy.encoding import ACTIONS, EOS, Encoding
from ouroboros.policy.local import LocalPolicy
from ouroboros.policy.play import play
from ouroboros.policy.sft import SftConfig, fit_sft
from ouroboros.policy.snake_gpt import Shape
from ouroboros.protocols.errors import TrainingError, UsageError

TINY = SftConfig(steps=6, batch=16, positions=400, shape=Shape(hidden=32, intermediate=48))


def weights(path):
    return (path / "model.safetensors").read_bytes()


def test_prompt_is_masked_and_the_end_is_trained(task):
    lessons = teach(task, "greedy", 300, 1, noise=0.1, smoothing=0.0)
    rows = lessons.rows()
    for ids, labels, action in zip(rows["input_ids"], rows["labels"], lessons.actions, strict=True):
        assert ids[-2:] == labels[-2:] == [ACTIONS[action], EOS]
        assert set(labels[:-2]) == {-100}
        assert len(ids) == len(labels)


def test_labels_are_the_teachers_moves_and_never_deadly(task):
    lessons = teach(task, "greedy", 500, 2, noise=0.3, smoothing=0.0)
    encoding = Encoding(6)
    free = np.array([encoding.decode(prompt).free for prompt in lessons.prompts])
    choice = free.any(axis=1)
    assert free[choice, lessons.actions[choice]].all()
    smoothed = teach(task, "greedy", 500, 2, noise=0.3, smoothing=0.5)
    free = np.array([encoding.decode(prompt).free for prompt in smoothed.prompts])
    choice = free.any(axis=1)
    assert free[choice, smoothed.actions[choice]].all()


def test_smoothing_changes_its_share_of_the_labels(task):
    """Noise comes after smoothing in the same stream, so without noise both runs see the same positions."""
    plain, smoothed = (teach(task, "greedy", 2000, 3, noise=0.0, smoothing=share) for share in (0.0, 0.3))
    assert all(np.array_equal(a, b) for a, b in zip(plain.prompts, smoothed.prompts, strict=True))
    changed = (plain.actions != smoothed.actions).mean()
    assert 0.15 < changed < 0.3


@given(st.lists(st.integers(3, 9), min_size=1, max_size=200), st.data())
def test_balance(lengths, data):
    count = data.draw(st.integers(1, len(lengths)))
    lengths = np.array(lengths, np.int32)
    chosen = balanced(lengths, count, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == count
    supply, taken = np.bincount(lengths, minlength=10), np.bincount(lengths[chosen], minlength=10)
    # No length is short while another one, that has more than one above it, could have given way.
    short = taken < supply
    assert not short.any() or taken.max() <= taken[short].min() + 1


def test_same_seed_same_bytes(task, tmp_path):
    told = []
    first = fit_sft(task, TINY, 7, tmp_path / "a", lambda *args: told.append(args))
    second = fit_sft(task, TINY, 7, tmp_path / "b")
    third = fit_sft(task, TINY, 8, tmp_path / "c")
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")
    assert first == second
    assert first.loss != third.loss
    assert first.steps == 6
    assert set(first.health) == {"accuracy", "entropy", "grad_norm"}
    assert [round(progress, 3) for _, progress, _ in told] == [round(k / 6, 3) for k in range(1, 7)]


def test_unknown_teacher(task, tmp_path):
    with pytest.raises(UsageError, match="nobody"):
        fit_sft(task, TINY.model_copy(update={"teacher": "nobody"}), 1, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_nan_stops_and_leaves_nothing(task, tmp_path, monkeypatch):
    from ouroboros.policy import sft

    def poisoned(*args):
        policy = create(*args)
        with torch.no_grad():
            policy.model.model.norm.weight.fill_(torch.nan)
        return policy

    create = sft.create
    monkeypatch.setattr(sft, "create", poisoned)
    with pytest.raises(TrainingError, match="loss nan"):
        fit_sft(task, TINY, 1, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_default_learns_to_play(task, tmp_path):
    fit_sft(task, SftConfig(), 0, tmp_path / "a")
    score = play(task, LocalPolicy(tmp_path / "a"), np.arange(128, dtype=np.uint64)).score.mean()
    assert score > 4
