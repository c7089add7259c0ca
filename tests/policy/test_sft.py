"""Lessons, masks and supervised fine-tuning."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaForCausalLM

from ouroloop.envs.snake.encodings import ACTIONS, EOS
from ouroloop.envs.snake.encodings.board import free_moves
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import open_policy, player_of
from ouroloop.policy.play import play
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.settings import LoraSettings, Shape
from ouroloop.policy.sft import trainer
from ouroloop.policy.sft.data import SENSIBLE, Teaching, balanced_rows, load_lessons, teach
from ouroloop.policy.sft.fit import SftConfig, fit_sft
from ouroloop.policy.sft.trainer import lesson_loss
from ouroloop.policy.snake_gpt import create
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from tests.policy.checkpoints import checkpoint

TINY = SftConfig(
    steps=6, batch=16, dagger=2, curve=3, positions=400, dagger_positions=200, shape=Shape(hidden=32, intermediate=48)
)


def weights(path):
    return (path / "model.safetensors").read_bytes()


PLAIN = Teaching("greedy", 0.0, equals=False)


def test_targets_are_the_teachers_moves_and_never_deadly(task):
    lessons = teach(task, PLAIN, 500, 2, noise=0.3)
    free = free_moves(lessons.positions)
    assert set(lessons.targets.max(axis=1)) == {1.0}
    choice = free.any(axis=1)
    assert free[choice, lessons.targets[choice].argmax(axis=1)].all()
    assert np.array_equal(lessons.lengths, lessons.positions.lengths["snake"])


def test_equal_moves_share_the_target(task):
    plain, shared = (teach(task, Teaching("greedy", 0.0, equals=e), 500, 2, noise=0.0) for e in (False, True))
    assert np.allclose(shared.targets.sum(axis=1), 1)
    assert (shared.targets[plain.targets == 1] > 0).all()
    several = shared.targets.max(axis=1) < 1
    assert 0.02 < several.mean() < 0.9
    engine = SnakeEngine.of(shared.positions)
    regret = task.regret(engine)
    assert np.allclose(np.where(shared.targets > 0, regret, 0).max(axis=1), regret.min(axis=1))


def test_smoothing_gives_sensible_moves_their_share(task):
    plain, smoothed = (teach(task, Teaching("greedy", s, equals=False), 500, 3, noise=0.0) for s in (0.0, 0.05))
    chosen = plain.targets == 1
    assert set(np.round(smoothed.targets[chosen], 6)) == {np.float32(0.95), np.float32(1.0)}
    others = (smoothed.targets > 0) & ~chosen
    assert (task.regret(SnakeEngine.of(plain.positions))[others] < SENSIBLE).all()
    assert np.allclose(smoothed.targets.sum(axis=1), 1)


def test_lessons_survive_the_disk(task, tmp_path):
    lessons = teach(task, PLAIN, 50, 1, noise=0.0)
    lessons.save(tmp_path / "lessons.npz")
    again = load_lessons(tmp_path / "lessons.npz")
    assert np.array_equal(again.targets, lessons.targets)
    assert [again.positions.row(i) for i in range(50)] == [lessons.positions.row(i) for i in range(50)]


def test_loss_is_that_of_the_masked_sequence(task):
    """The same number as Hugging Face's own loss over prompt, action and end, with prompt and padding masked."""
    policy = create(SnakeTask(6), Shape(hidden=32, intermediate=48), 3)
    lessons = teach(task, PLAIN, 40, 2, noise=0.1)
    ids, mask = policy.encode(lessons.positions)
    loss, logits = lesson_loss(policy.model, policy, ids, mask, torch.from_numpy(lessons.targets))
    answers = np.array([[ACTIONS[a], EOS] for a in lessons.targets.argmax(axis=1)])
    sequence = torch.from_numpy(np.concatenate([ids, answers], axis=1)).long()
    labels = sequence.clone()
    labels[:, : ids.shape[1]] = -100
    attention = torch.from_numpy(np.pad(mask, ((0, 0), (0, 2)), constant_values=True)).long()
    own = policy.model(input_ids=sequence, attention_mask=attention, labels=labels).loss
    assert loss.item() == pytest.approx(2 * own.item(), rel=1e-5)
    assert logits.shape == (40, len(policy.encoding.vocabulary))


@given(st.lists(st.integers(3, 9), min_size=1, max_size=200), st.data())
def test_balance(lengths, data):
    count = data.draw(st.integers(1, len(lengths)))
    lengths = np.array(lengths, np.int32)
    chosen = balanced_rows(lengths, count, np.random.default_rng(0))
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
    assert [step for step, _ in first.curve] == [2, 4, 6]
    assert first.loss != third.loss
    assert first.steps == 6
    assert set(first.health) == {"accuracy", "entropy", "grad_norm", "pieces"}
    assert [round(progress, 3) for _, progress, _ in told] == [round(k / 6, 3) for k in range(1, 7)]


def test_unknown_teacher(task, tmp_path):
    with pytest.raises(UsageError, match="nobody"):
        fit_sft(task, TINY.model_copy(update={"teacher": "nobody"}), 1, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_nan_stops_and_leaves_nothing(task, tmp_path, monkeypatch):
    from ouroloop.policy.sft import fit as sft

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


def test_cut_off_training_goes_on_to_the_same_weights(task, tmp_path):
    config = TINY.model_copy(update={"checkpoint": 2})
    whole = fit_sft(task, config, 7, tmp_path / "whole")

    def cut(stage, progress, figures):
        if progress > 0.7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_sft(task, config, 7, tmp_path / "cut", cut)
    assert not (tmp_path / "cut").exists()
    with pytest.raises(UsageError, match="another training"):
        fit_sft(task, config, 8, tmp_path / "cut")
    assert fit_sft(task, config, 7, tmp_path / "cut") == whole
    assert weights(tmp_path / "whole") == weights(tmp_path / "cut")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut", "whole"]


def test_a_policy_is_trained_further(task, tmp_path):
    fit_sft(task, TINY, 7, tmp_path / "first")
    fit_sft(task, TINY, 8, tmp_path / "second", start=tmp_path / "first")
    assert weights(tmp_path / "first") != weights(tmp_path / "second")


def test_out_of_memory_means_smaller_pieces_of_the_same_gradient(task, tmp_path, caplog, monkeypatch):
    """Every forward pass of more than 3 rows fails: the batch of 16 goes on in 8 pieces, to the same losses."""
    plain = fit_sft(task, TINY, 7, tmp_path / "a")
    monkeypatch.setattr(trainer, "PARTS", 1)
    whole = LlamaForCausalLM.forward

    def short_of_memory(model, input_ids, *args, **kwargs):
        if len(input_ids) > limit and model.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(model, input_ids, *args, **kwargs)

    limit = -(-TINY.batch // 8)
    monkeypatch.setattr(LlamaForCausalLM, "forward", short_of_memory)
    found = fit_sft(task, TINY, 7, tmp_path / "b")
    assert found.loss == pytest.approx(plain.loss, rel=1e-5)
    assert (plain.health["pieces"], found.health["pieces"]) == (1, 8)
    told = [record.getMessage() for record in caplog.records if "out of memory" in record.getMessage()]
    assert told == [f"out of memory with {TINY.batch} positions at a time: goes on with {limit}, more slowly"]
    limit = 0
    with pytest.raises(SurroundingsError, match="out of memory with 1 positions at a time: take a smaller batch"):
        fit_sft(task, TINY, 7, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_symmetry_needs_a_teacher_without_a_way_of_its_own(task, tmp_path):
    with pytest.raises(UsageError, match="symmetry = true with the teacher 'cycle'"):
        fit_sft(task, TINY.model_copy(update={"symmetry": True}), 7, tmp_path / "a")
    turned = TINY.model_copy(update={"symmetry": True, "teacher": "astar"})
    assert fit_sft(task, turned, 7, tmp_path / "b").loss != fit_sft(task, TINY, 7, tmp_path / "c").loss


def test_a_gpu_that_is_not_there_is_refused(task, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SurroundingsError, match='set device = "cpu"'):
        fit_sft(task, TINY.model_copy(update={"device": "cuda"}), 7, tmp_path / "a")


@pytest.mark.parametrize("lora", [None, LoraSettings(rank=4)])
def test_any_base_learns_and_goes_on(task, tmp_path, lora):
    """A Hugging Face model is trained, whole or by an adapter; what comes out opens, plays and can be trained further."""
    base = checkpoint(tmp_path / "base", "qwen")
    config = TINY.model_copy(
        update={"base": str(base), "lora": lora, "encoding": "json", "batch": 4, "positions": 50, "learning_rate": 0.01}
    )
    first = fit_sft(task, config, 7, tmp_path / "a")
    assert first.loss[-1] < first.loss[0]
    again = fit_sft(task, config, 7, tmp_path / "b", start=tmp_path / "a")
    assert again.loss[0] < first.loss[0]
    observations = task.engine(np.arange(3, dtype=np.uint64)).observations()
    assert player_of(open_policy(tmp_path / "b")).logits(observations).shape == (3, 4)


@pytest.mark.parametrize("checkpoint", [0, 2])
def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(task, tmp_path, monkeypatch, checkpoint):
    """The fifth step's loss is NaN, for which the fourth may be to blame: what the checkpoint of step 2 keeps is written."""
    config, learned, kept = TINY.model_copy(update={"checkpoint": checkpoint}), trainer.LessonTrainer.slot_loss, {}

    def poisoned(self, model, slots):
        loss, logits = learned(self, model, slots)
        kept[self.state.global_step] = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}
        return loss * (torch.nan if self.state.global_step == 4 else 1), logits

    monkeypatch.setattr(trainer.LessonTrainer, "slot_loss", poisoned)
    said = "sft: step 5: loss nan, gradient norm nan, expected finite ones"
    if not checkpoint:
        with pytest.raises(TrainingError, match=f"{said}; lower sft.learning_rate"):
            fit_sft(task, config, 7, tmp_path / "a")
        assert list(tmp_path.iterdir()) == []
        return
    report = fit_sft(task, config, 7, tmp_path / "a")
    assert report.stopped == f"{said}; the weights of checkpoint-2 are kept"
    found = dict(open_policy(tmp_path / "a").model.named_parameters())
    assert all(torch.equal(found[name], weight) for name, weight in kept[2].items())
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
