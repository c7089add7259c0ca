"""Distillation: its losses against plain formulas, its stages, and what it leaves alone."""

import gc
import hashlib
import json
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from trl import DPOConfig, DPOTrainer

from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import load_base
from ouroloop.policy.distill.fit import DistillConfig, distill
from ouroloop.policy.distill.imitation import (
    Blend,
    Buffer,
    DistillTrainer,
    Guide,
    Supply,
    feature_loss,
    lecture,
    projected,
    prompt_states,
    soft_loss,
)
from ouroloop.policy.distill.preference import PreferenceTrainer, collect_pairs, dpo_loss, prefer, reference_of
from ouroloop.policy.distill.stage import Stage
from ouroloop.policy.grpo.fit import GrpoConfig
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.settings import Shape
from ouroloop.policy.sft.data import Teaching, teach
from ouroloop.policy.sft.trainer import lesson_loss
from ouroloop.policy.snake_gpt import create, load, quiet, save
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.policy.training import plain_arguments
from ouroloop.protocols.errors import UsageError
from tests.policy.checkpoints import checkpoint

TINY = DistillConfig(
    encoding="cells",
    shape=Shape(hidden=16, layers=1, heads=2, intermediate=16),
    logits=4,
    features=4,
    preferences=3,
    grpo_share=0.3,
    positions=200,
    rounds=2,
    round_positions=100,
    batch=16,
    preference_positions=300,
    grpo=GrpoConfig(steps=7, states=4, group=4, horizon=4, crews=2, games=8, stagger=2),
)
"""Every stage, from a teacher of the encoding `path` to a student of another."""
KEPT = TINY.model_copy(update={"grpo_share": 0.0, "checkpoint": 2, "preferences": 4})


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """Keep what is imported out of garbage collection, which every training begins and ends with."""
    gc.freeze()
    yield
    gc.unfreeze()


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def numbers(*shape, seed=0, scale=2.0):
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def stage(tmp_path, **changes):
    settings = {"number": 1, "name": "s", "steps": 4, "batch": 8, "learning_rate": 1e-3, "warmup": 0.0, "weight_decay": 0.0}
    return Stage(**(settings | {"clip": 1.0, "checkpoint": 0, "curve": 0, "seed": 3, "folder": tmp_path / "s"} | changes))


@given(st.integers(0, 1000), st.sampled_from([1.0, 2.0, 3.0, 7.0]))
def test_soft_loss_and_its_gradient(seed, temperature):
    student, teacher = numbers(6, 4, seed=seed), numbers(6, 4, seed=seed + 1)
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    logits = torch.tensor(student, requires_grad=True)
    loss = soft_loss(logits, torch.from_numpy(teacher), temperature)
    loss.backward()
    assert loss.item() == pytest.approx(temperature**2 * (p * np.log(p / q)).sum(axis=1).mean(), rel=1e-3, abs=1e-5)
    # d/dz of T^2 KL is T (q - p): Hinton et al. 2015, equation 2, times T^2.
    assert np.allclose(logits.grad.numpy(), temperature * (q - p) / 6, atol=1e-5)


def test_gradients_of_high_temperatures_do_not_vanish():
    """In the limit the loss is half the squared distance of the centred logits (equation 4), whatever T."""
    student, teacher = numbers(5, 4, seed=1), numbers(5, 4, seed=2)
    centred = (student - student.mean(axis=1, keepdims=True)) - (teacher - teacher.mean(axis=1, keepdims=True))
    found = soft_loss(torch.from_numpy(student).double(), torch.from_numpy(teacher).double(), 1e3)
    assert found.item() == pytest.approx((centred**2).sum(axis=1).mean() / (2 * 4), rel=1e-2)


def test_feature_loss():
    a, b = numbers(5, 7), numbers(5, 7, seed=1)
    assert feature_loss(torch.from_numpy(a), torch.from_numpy(b)).item() == pytest.approx(((a - b) ** 2).mean(), rel=1e-5)


@given(st.integers(0, 1000), st.sampled_from([0.05, 0.1, 0.5]))
def test_dpo_loss_and_its_gradient(seed, beta):
    logps, reference = -np.exp(numbers(6, 2, seed=seed)), -np.exp(numbers(6, 2, seed=seed + 1))
    margin = beta * ((logps[:, 0] - reference[:, 0]) - (logps[:, 1] - reference[:, 1]))
    given_ = torch.tensor(logps, requires_grad=True)
    loss, margins = dpo_loss(given_, torch.from_numpy(reference), beta)
    loss.backward()
    assert loss.item() == pytest.approx(np.log1p(np.exp(-margin.astype(np.float64))).mean(), rel=1e-4)
    assert np.allclose(margins.detach().numpy(), margin, atol=1e-4)
    pull = beta / (1 + np.exp(margin.astype(np.float64))) / 6
    assert np.allclose(given_.grad.numpy(), np.stack([-pull, pull], axis=1), atol=1e-5)


def test_the_loss_is_trls(task, untrained, tmp_path):
    """`DPOTrainer` with two forwards a pair, and a student that has moved away from its reference."""
    reference, student = load(untrained), load(untrained)
    engine = task.positions(5, 12)
    seen = engine.observations()
    chosen, rejected = np.arange(12) % 4, (np.arange(12) + 1 + np.arange(12) % 3) % 4
    with torch.no_grad():
        student.model.model.norm.weight.mul_(1.5)
    ids, mask = student.encode(seen)
    rows = [
        {"prompt_ids": i[m].tolist(), "chosen_ids": [student.actions[c]], "rejected_ids": [student.actions[r]]}
        for i, m, c, r in zip(ids, mask, chosen, rejected, strict=True)
    ]
    with quiet():
        trainer = DPOTrainer(
            model=student.model,
            ref_model=reference.model,
            args=DPOConfig(output_dir=str(tmp_path), beta=0.3, max_length=None, max_steps=1, **plain_arguments()),
            train_dataset=Dataset.from_dict({"prompt": ["a"], "chosen": ["0"], "rejected": ["1"]}),
            processing_class=build_tokenizer(student.encoding),
        )
        theirs = trainer.compute_loss(trainer.model, trainer.data_collator(rows))
    before, now = (
        torch.from_numpy(reference_of(LocalPolicy(policy), seen, chosen, rejected)) for policy in (reference, student)
    )
    ours, margins = dpo_loss(now, before, 0.3)
    assert margins.abs().max() > 0.01
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-4)


def test_what_is_preferred():
    logits = np.array([[4, 3, 2, 1]] * 4, np.float32)
    regret = np.array([[1, 0, 0.1, 1], [0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 0, 0]], np.float32)
    own = np.array([0, 1, 2, 3])
    for source, chosen, better in (
        ("teacher", [0, 0, 0, 0], [False, True, True, True]),
        ("both", [1, 0, 0, 0], [True, True, True, True]),
        ("oracle", [1, 0, 0, 0], [True, False, False, False]),
    ):
        found = prefer(source, own, logits, regret)
        assert found[0].tolist() == chosen, source
        assert found[1].tolist() == better, source


def test_pairs_are_the_students_blunders_and_what_it_does_well(task, untrained, tmp_path):
    student = LocalPolicy(create(SnakeTask(6), TINY.shape, 9, "cells"))
    teacher = LocalPolicy(untrained)
    pairs = collect_pairs(task, student, teacher, "oracle", 400, stage(tmp_path))
    regret = task.regret(SnakeEngine.of(pairs.positions))
    ranked, rows = student.logits(pairs.positions).argsort(axis=1), np.arange(len(pairs))
    wrong = rows < pairs.mistakes
    assert 20 < pairs.mistakes < len(pairs) - 20
    assert np.array_equal(pairs.rejected, np.where(wrong, ranked[:, -1], ranked[:, -2]))
    assert np.array_equal(pairs.chosen[~wrong], ranked[~wrong, -1])
    assert (regret[rows, pairs.rejected][wrong] >= 0.5).all()
    assert (regret[rows, pairs.chosen][wrong] < 0.5).all()
    logp = torch.log_softmax(torch.from_numpy(student.token_logits(pairs.positions)), dim=1).numpy()
    tokens = np.array(student.policy.actions)
    assert np.allclose(pairs.reference, np.stack([logp[rows, tokens[m]] for m in (pairs.chosen, pairs.rejected)], axis=1))
    draws = stage(tmp_path).draws(np.arange(4000))
    assert 0.27 < (pairs.rows(draws, 0.3) >= pairs.mistakes).mean() < 0.33
    assert set(pairs.rows(draws, 0.0)) == set(range(pairs.mistakes))


def test_preferences_are_learned(task, untrained, tmp_path):
    policy = create(SnakeTask(6), TINY.shape, 9, "cells")
    part = stage(tmp_path, steps=25, batch=64, learning_rate=5e-3)
    pairs = collect_pairs(task, LocalPolicy(policy), LocalPolicy(untrained), "teacher", 400, part)
    with quiet():
        trainer = part.trainer(PreferenceTrainer, policy)
        trainer.policy, trainer.pairs, trainer.stage = policy, pairs, part
        trainer.beta, trainer.anchors = 0.1, 0.0
        trainer.train()
    logits, rows = LocalPolicy(policy).logits(pairs.positions), np.arange(pairs.mistakes)
    assert (logits[rows, pairs.chosen[rows]] > logits[rows, pairs.rejected[rows]]).mean() > 0.7
    first = next(row for row in trainer.state.log_history if "loss" in row)
    assert first["loss"] == pytest.approx(np.log(2), abs=1e-3)
    assert first["preferred"] == 0


def test_states_are_what_the_head_reads(task, untrained):
    policy = load(untrained)
    seen = task.positions(3, 300).observations()
    states = prompt_states(policy, seen)
    logits = states @ policy.model.lm_head.weight.detach().numpy().T
    assert np.allclose(logits, LocalPolicy(policy).token_logits(seen), atol=1e-4)


def test_any_language_model_can_teach(task, tmp_path):
    policy = load_base(checkpoint(tmp_path / "llama", "llama"), task=SnakeTask(6), encoding="json", dtype=torch.float32)
    guide, seen = Guide(policy), task.positions(3, 20).observations()
    states = prompt_states(policy, seen)
    assert states.shape == (20, guide.width)
    head = policy.model.lm_head.weight.detach().numpy()[list(policy.actions)]
    assert np.allclose(states @ head.T, guide.logits(seen), atol=1e-4)


def imitation(task, untrained, tmp_path, **changes):
    """A student of another encoding, its stage and its buffer."""
    student, part = create(SnakeTask(6), TINY.shape, 9, "cells"), stage(tmp_path)
    settings = {"expert": "cycle", "positions": 300, "noise": 0.0, "temperature": 2.0, "on_policy": 0.25, "rounds": 2}
    supply = Supply(**(settings | {"round_positions": 100, "mixing": 0.5} | changes))
    return student, part, Buffer(task, Guide(load(untrained)), student, supply, part, states=True)


def test_the_loss_of_a_batch(task, untrained, tmp_path):
    """Each term from the models' own answers, position by position; prompts of different lengths."""
    student, part, buffer = imitation(task, untrained, tmp_path)
    lessons = teach(task, Teaching("cycle", 0.0, equals=True), 300, 1, noise=0.0)
    buffer.all = lecture(lessons, buffer.guide, student, states=True)
    with quiet(), projected(student.model, 32, 5):
        trainer = part.trainer(DistillTrainer, student)
        trainer.school, trainer.policy, trainer.blend = buffer, student, Blend(3.0, 0.6, 0.4)
        slots = torch.arange(24)
        loss = trainer.compute_loss(student.model, {"slot": slots}).item()
        projector = student.model.projector.weight.detach().numpy()
    lessons, teacher = buffer.draw(slots.numpy()), load(untrained)
    seen = lessons.positions
    assert len(set(student.encode(seen)[1].sum(axis=1))) > 3
    hard, _ = lesson_loss(student.model, student, *student.encode(seen), torch.from_numpy(lessons.targets))
    p, q = (softmax(LocalPolicy(policy).logits(seen) / 3) for policy in (teacher, student))
    soft = 9 * (p * np.log(p / q)).sum(axis=1).mean()
    feature = ((prompt_states(student, seen) @ projector.T - prompt_states(teacher, seen)) ** 2).mean()
    assert loss == pytest.approx(0.6 * soft + 0.4 * hard.item() + 0.4 * feature, rel=1e-4)


def test_the_students_positions_are_a_share_of_what_is_drawn(task, untrained, tmp_path):
    _, part, buffer = imitation(task, untrained, tmp_path)
    slots = np.arange(3000)
    assert buffer.rows(slots).max() < 300
    buffer.on_step_end(None, SimpleNamespace(global_step=part.steps // 2), None)
    rows = buffer.rows(slots)
    assert len(buffer.all.lessons) == 400
    assert 0.22 < (rows >= 300).mean() < 0.28
    assert len(set(rows)) > 380
    buffer.on_step_end(None, SimpleNamespace(global_step=part.steps), None)
    assert len(buffer.all.lessons) == 400


def test_a_teacher_strays_at_a_rate(task, untrained):
    guide, generator = Guide(load(untrained)), np.random.default_rng(0)
    seen = task.positions(3, 500).observations()
    best = guide.logits(seen).argmax(axis=1)
    assert np.array_equal(guide.moves(seen, generator, 0.0, 2.0), best)
    assert 0.05 < (guide.moves(seen, generator, 0.2, 20.0) != best).mean() < 0.25
    assert (guide.moves(seen, generator, 1.0, 1e-3) != best).mean() < 0.02


def test_a_projector_goes_as_it_came():
    policy = create(SnakeTask(6), TINY.shape, 1)
    names = set(policy.model.state_dict())
    with projected(policy.model, 24, 5):
        assert policy.model.projector.weight.shape == (24, 16)
    assert set(policy.model.state_dict()) == names


def test_the_projector_trains(task, untrained, tmp_path, monkeypatch):
    """The states' distance falls, W moves, and none of it is saved with the student."""
    moved, figures = [], []

    @contextmanager
    def watched(model, width, seed):
        with projected(model, width, seed):
            before = model.projector.weight.detach().clone()
            yield
            moved.append(float((model.projector.weight - before).abs().max()))

    monkeypatch.setattr("ouroloop.policy.distill.fit.projected", watched)
    only = {"logits": 0, "preferences": 0, "grpo_share": 0.0, "features": 25, "feature_weight": 5.0, "learning_rate": 1e-2}
    config = TINY.model_copy(update=only)
    distill(task, untrained, config, 1, tmp_path / "a", lambda *told: figures.append(told[2]["feature"]))
    assert figures[-1] < 0.8 * figures[0]
    assert moved[0] > 0.01
    assert not any("projector" in name for name in load(tmp_path / "a").model.state_dict())


def test_every_stage_and_an_untouched_teacher(task, untrained, tmp_path):
    before, told = digest(untrained), []
    report = distill(task, untrained, TINY, 7, tmp_path / "a", lambda *args: told.append(args))
    assert digest(untrained) == before
    student = load(tmp_path / "a", task=SnakeTask(6))
    assert student.encoding.name == "cells"
    assert student.model.config.hidden_size == 16
    assert report.steps == len(report.loss) == 4 + 4 + 3 + 2
    assert [step for step, _ in report.curve] == [4, 8, 11, 13]
    assert [name for name, _, _ in told] == ["logits"] * 4 + ["features"] * 4 + ["preferences"] * 3 + ["grpo"] * 2
    assert np.allclose([done for _, done, _ in told], np.arange(1, 14) / 13)
    figures = {"logits_soft", "logits_agreement", "features_feature", "preferences_margin", "preferences_mistakes", "grpo_kl"}
    assert set(report.health) >= figures | {f"{name}_score" for name in ("logits", "features", "preferences", "grpo")}
    assert "logits_feature" not in report.health
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.fixture(scope="module")
def whole(task, untrained, tmp_path_factory):
    """Where a distillation with checkpoints was made in one go, and its report."""
    out = tmp_path_factory.mktemp("whole") / "student"
    return out, distill(task, untrained, KEPT, 7, out)


def test_same_seed_same_bytes_with_checkpoints_or_without(task, untrained, tmp_path, whole):
    plain = KEPT.model_copy(update={"checkpoint": 0})
    assert distill(task, untrained, plain, 7, tmp_path / "a") == whole[1]
    assert weights(tmp_path / "a") == weights(whole[0])
    only = plain.model_copy(update={"features": 0, "preferences": 0})
    assert distill(task, untrained, only, 8, tmp_path / "b").loss != whole[1].loss[:4]


@pytest.mark.parametrize("moment", [0.3, 0.6, 0.9])
def test_cut_off_it_goes_on_to_the_same_weights(task, untrained, tmp_path, moment, whole):
    """Cut off in each stage, after a checkpoint with positions of the student in it."""

    def cut(stage, progress, figures):
        if progress > moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(task, untrained, KEPT, 7, tmp_path / "cut", cut)
    assert not (tmp_path / "cut").exists()
    with pytest.raises(UsageError, match="another training"):
        distill(task, untrained, KEPT, 8, tmp_path / "cut")
    told = []
    assert distill(task, untrained, KEPT, 7, tmp_path / "cut", lambda *args: told.append(args[1])) == whole[1]
    assert min(told) > moment - 0.15
    assert weights(whole[0]) == weights(tmp_path / "cut")
    assert [path.name for path in tmp_path.iterdir()] == ["cut"]


def test_cut_off_without_checkpoints_leaves_nothing(task, untrained, tmp_path):
    def cut(stage, progress, figures):
        if stage == "features":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(task, untrained, TINY, 7, tmp_path / "cut", cut)
    assert list(tmp_path.iterdir()) == []


def test_settings_read_the_same_in_every_process():
    """The order of a set of texts differs from process to process, and checkpoints of other settings are refused."""
    stops = json.loads(DistillConfig().stamp())["grpo"]["limits"]["stops"]
    assert stops == sorted(stops)
    assert len(stops) > 2


def test_refusals(task, untrained, tmp_path):
    none = {"logits": 0, "features": 0, "preferences": 0, "grpo_share": 0.0}
    for changes, match in (
        (none, "without steps"),
        ({"encoding": "morse"}, "morse"),
        ({"expert": "nobody"}, "nobody"),
    ):
        with pytest.raises(UsageError, match=match):
            distill(task, untrained, TINY.model_copy(update=changes), 1, tmp_path / "a")
    save(create(SnakeTask(8), TINY.shape, 1), tmp_path / "larger")
    with pytest.raises(UsageError, match="size 8, found size 6"):
        distill(task, tmp_path / "larger", TINY, 1, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["larger"]
