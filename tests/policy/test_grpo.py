"""GRPO: groups, ratios, gradients, returns, variants, alarms that stop, and the same bytes twice."""

import gc
import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, set_seed

from ouroloop.bench.peers.ground import lay_out
from ouroloop.bench.peers.trl import as_rollout, our_trainer, stock_trainer
from ouroloop.bench.peers.trl_speed import first_gradients
from ouroloop.envs.loop import Fleet
from ouroloop.envs.snake.encodings import ACTIONS, encoding_of
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import load_base, player_of, save_policy
from ouroloop.policy.grpo.config import VARIANTS, GrpoConfig
from ouroloop.policy.grpo.fit import FIGURES, Rollout, improve, train_grpo
from ouroloop.policy.grpo.limits import Limits
from ouroloop.policy.grpo.rollout import Actors, Futures, TermedReward, Weights, answer_logprobs, collect, sample
from ouroloop.policy.grpo.sampler import frozen, next_logits, trained_weights
from ouroloop.policy.grpo.trainer import Batch, SharedPromptTrainer, advantages, build_trainer
from ouroloop.policy.grpo.truth import Exam
from ouroloop.policy.report import silent
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.settings import LoraSettings, Shape
from ouroloop.policy.sft.fit import SftConfig, fit_sft
from ouroloop.policy.snake_gpt import load, quiet
from ouroloop.policy.training import Record
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from ouroloop.protocols.records import Loss
from tests.policy.checkpoints import checkpoint

SIZES = {"steps": 4, "states": 6, "group": 4, "crews": 2, "games": 8, "stagger": 3, "horizon": 5}
TINY = GrpoConfig(**SIZES, truth_every=0)
EXAMINED = GrpoConfig(**SIZES, truth_every=2, truth_games=6)


@pytest.fixture(scope="module", autouse=True)
def _few_objects_to_collect():
    """Every trainer collects garbage when it begins: what the imports made is kept out of that, which is half the time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def changed(config=TINY, **values):
    return config.model_copy(update=values)


def nothing(features):
    return np.zeros(features.shape[:-1], np.float32)


def columns(task):
    names = list(task.features)
    return names.index("ate"), names.index("died"), names.index("starved")


def futures(task, reward=nothing, horizon=5, continuation="greedy", discount=0.5):
    return Futures(reward, horizon, discount, continuation)


def weights(path):
    return (path / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def beginner(tmp_path_factory):
    """A policy that has learned enough to tell moves apart, and no more."""
    out = tmp_path_factory.mktemp("grpo") / "beginner"
    shape = Shape(hidden=32, intermediate=48)
    fit_sft(SnakeTask(6), SftConfig(steps=60, batch=64, learning_rate=5e-3, positions=1000, shape=shape), 1, out)
    return out


def actors(task, path, games=8):
    return Actors(task, LocalPolicy(path), 3, crews=3, games=games, stagger=4, explore=0.2)


def test_groups_share_their_state_and_their_measure(task, beginner):
    crew = actors(task, beginner)
    groups = collect(crew, futures(task), 10, 8)
    assert groups.tokens.shape == groups.env.shape == groups.spec.shape == (10, 8)
    assert len(groups.observations) == 10
    for tokens, env in zip(groups.tokens, groups.env, strict=True):
        # Common random numbers: what differs within a group is the action alone.
        assert len({(token, value) for token, value in zip(tokens.tolist(), env.tolist(), strict=True)}) == len(
            set(tokens.tolist())
        )
    ids, _ = crew.sampler.policy.encode(groups.observations)
    free = np.array([crew.sampler.policy.encoding.decode(prompt).free for prompt in ids])
    moves = np.isin(groups.tokens, ACTIONS)
    safe = np.take_along_axis(free, np.where(moves, groups.tokens - ACTIONS[0], 0), axis=1).astype(bool)
    assert (groups.env[~safe | ~moves] == -1).all()
    assert (groups.env[safe & moves] > -1).all()


def test_answers_that_are_no_actions_count_as_deaths(task, untrained):
    groups = collect(actors(task, untrained), futures(task), 10, 8)
    strange = ~np.isin(groups.tokens, ACTIONS)
    assert strange.any()
    assert (groups.env[strange] == -1).all()
    assert (groups.spec[strange] == 0).all()


def test_answers_over_the_actions_are_actions_with_renormalised_probabilities(task, untrained):
    crew = actors(task, untrained)
    groups = collect(crew, futures(task), 10, 8, over="actions")
    assert np.isin(groups.tokens, ACTIONS).all()
    logits = crew.sampler.logits(groups.observations)
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.exp(groups.logprobs) == pytest.approx(np.take_along_axis(share, groups.tokens - ACTIONS[0], axis=1), rel=1e-4)
    assert answer_logprobs(crew.sampler, groups.observations, groups.tokens, "actions") == pytest.approx(
        groups.logprobs, abs=1e-4
    )


def test_returns_are_discounted_sums(task, beginner):
    """Held against a plain loop over one game at a time; each term of the reward likewise."""
    engine = task.positions(5, 12)
    actions = np.arange(12) % 4
    terms = {"meals": lambda features: 2 * features[..., 0], "room": lambda features: features[..., 8]}
    reward = TermedReward(lambda features: 2 * features[..., 0] + features[..., 8], terms)
    fleet = Fleet([engine.clone(np.arange(12))])
    env, spec, apart = futures(task, reward, 6).returns(task, LocalPolicy(beginner), fleet, actions)
    ate, died, starved = columns(task)
    for row in range(12):
        game, action, expected_env, expected_spec = engine.clone(np.array([row])), actions[row : row + 1], 0.0, 0.0
        for step in range(6):
            if game.done[0]:
                break
            seen = game.step_features(action)[0]
            expected_env += 0.5**step * (seen[ate] - max(seen[died], seen[starved]))
            expected_spec += 0.5**step * reward(seen)
            action = task.teach("greedy", game)
        assert env[row] == pytest.approx(expected_env, abs=1e-5)
        assert spec[row] == pytest.approx(expected_spec, abs=1e-5)
    assert apart["meals"] + apart["room"] == pytest.approx(spec, abs=1e-5)


def test_a_horizon_in_mid_game_is_cut_without_a_bootstrap(task, beginner):
    engine, policy = task.positions(5, 12), LocalPolicy(beginner)
    alive = np.flatnonzero(task.regret(engine).min(axis=1) < 1)
    moves = task.teach("greedy", engine)[alive]
    paid = lambda features: np.ones(features.shape[:-1], np.float32)  # noqa: E731
    fleet = Fleet([engine.clone(alive)])
    _, spec, _ = futures(task, paid, 3).returns(task, policy, fleet, moves)
    assert not fleet.done.any()
    assert spec == pytest.approx(np.full(len(alive), 1 + 0.5 + 0.25))


def test_groups_of_one_worth_are_replaced_where_that_is_asked_for(task, beginner):
    weighed = Weights(1.0, 0.0)
    plain, resampled = (
        collect(actors(task, beginner, 24), futures(task), 12, 4, over="actions", weights=weighed, resample=count)
        for count in (0, 3)
    )
    flat = [int((groups.env.max(axis=1) == groups.env.min(axis=1)).sum()) for groups in (plain, resampled)]
    assert flat[0] > flat[1]
    assert resampled.tokens.shape == (12, 4)


def test_fleet_is_its_engines(task, seeds):
    first, second = task.engine(seeds[:5]), task.positions(1, 4)
    fleet = Fleet([first.clone(np.arange(5)), second.clone(np.arange(4))])
    rows = np.array([0, 0, 3, 5, 8, 8])
    observed = fleet.observations(rows)
    clones = fleet.clone(rows)
    assert clones.games == 6
    for index, row in enumerate(rows):
        engine, own = (first, row) if row < 5 else (second, row - 5)
        assert observed.row(index) == engine.observations(np.array([own])).row(0)
        assert clones.observations(np.array([index])).row(0) == observed.row(index)
    moves = task.regret(first).argmin(axis=1), task.regret(second).argmin(axis=1)
    features = fleet.step_features(np.concatenate(moves))
    assert np.array_equal(features, np.concatenate([first.step_features(moves[0]), second.step_features(moves[1])]))


def test_sample_follows_the_softmax_of_each_row():
    shares = np.array([[0.1, 0.2, 0.7], [0.5, 0.0, 0.5]])
    drawn, logprobs = sample(np.log(shares + 1e-30).astype(np.float32), 20_000, np.random.default_rng(0))
    for row in range(2):
        assert np.bincount(drawn[row], minlength=3) / 20_000 == pytest.approx(shares[row], abs=0.015)
        assert np.allclose(np.exp(logprobs[row]), shares[row][drawn[row]], atol=1e-6)


def trainer_of(task, path, tmp_path, config=TINY):
    player = LocalPolicy(path)
    with quiet():
        return build_trainer(
            player.policy, Rollout(task, player, nothing, lambda progress: 0.0, config, 1), config, 1, tmp_path
        )


def batch_of(trainer):
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = trainer.config.parts
    return trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))


def gradient(trainer, parts):
    trainer.model.zero_grad()
    for part in parts:
        trainer.compute_loss(trainer.model, part).backward()
    return torch.cat([p.grad.flatten() for p in trainer.model.parameters()])


@pytest.mark.parametrize("sampler", ["vocabulary", "actions"])
def test_first_step_is_on_policy_and_moves(task, beginner, tmp_path, sampler):
    """Every ratio is 1, sampler and trainer agree on the probabilities, and the gradient is not zero."""
    trainer = trainer_of(task, beginner, tmp_path, changed(sampler=sampler))
    inputs = batch_of(trainer)
    assert inputs["completion_ids"].shape == (24, 1)
    assert gradient(trainer, [inputs]).abs().sum() > 1e-4
    assert torch.allclose(inputs["old_per_token_logps"], inputs["sampled_logps"], atol=1e-4)
    assert torch.allclose(inputs["old_per_token_logps"], inputs["ref_per_token_logps"], atol=1e-4)
    assert trainer._metrics["train"]["sampler_gap"] == pytest.approx([0], abs=1e-4)
    assert trainer._metrics["train"]["clip_ratio/region_mean"] == [0.0]
    again = gradient(trainer, [inputs])  # the second pass is off policy, though nothing has moved: the ratio is 1 all the same
    assert len(trainer._metrics["train"]["clip_off"]) == 1
    assert torch.allclose(again, gradient(trainer, [inputs]))


def test_batch_holds_whole_groups_of_one_prompt(task, beginner, tmp_path):
    inputs = batch_of(trainer_of(task, beginner, tmp_path))
    owners = inputs["prompt_ids"][:, 0]
    assert torch.equal(owners, torch.arange(6).repeat_interleave(4))
    assert torch.allclose(inputs["advantages"].reshape(6, 4).sum(dim=1), torch.zeros(6), atol=1e-4)
    assert inputs["prompts"].shape == inputs["prompts_mask"].shape
    assert len(inputs["prompts"]) == 6


def short_of_memory(model, rows):
    """Let a model fail where more than so many rows go through it at once."""

    def check(module, args, kwargs):
        if len(kwargs["input_ids"]) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    model.register_forward_pre_hook(check, with_kwargs=True)


def test_out_of_memory_means_smaller_pieces_of_the_same_gradient(task, beginner, tmp_path, caplog):
    found = []
    for rows in (6, 2):
        trainer = trainer_of(task, beginner, tmp_path)
        trainer.create_optimizer_and_scheduler(4)
        trainer.current_gradient_accumulation_steps = 1
        short_of_memory(trainer.model, rows)
        for turn in range(2):  # the second step learns from the same groups, off policy
            loss = trainer.training_step(trainer.model, {"turn": turn})
        grads = torch.cat([p.grad.flatten() for p in trainer.model.parameters()])
        found.append((float(loss), grads, trainer._buffered_inputs[0]["advantages"], trainer._step))
    assert torch.allclose(found[0][1], found[1][1], atol=1e-6)
    assert torch.allclose(found[0][2], found[1][2], atol=1e-6)
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-6)
    assert found[0][3] == found[1][3] == 2
    assert trainer.pieces == 4
    assert [record.getMessage() for record in caplog.records if "out of memory" in record.getMessage()] == [
        "out of memory in 1 pieces: goes on in 4, more slowly"
    ]
    short_of_memory(trainer.model, 0)
    with pytest.raises(SurroundingsError, match="out of memory with 6 prompts in 6 pieces: take fewer states"):
        trainer.training_step(trainer.model, {"turn": 2})


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_advantages_are_trls_and_exactly_zero_in_groups_of_one_worth(scale):
    rewards = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    rewards[2] = 0.1
    found, grouped = advantages(rewards, scale), torch.tensor(rewards)
    divisor = {"group": grouped.std(dim=1, keepdim=True), "batch": grouped.std(), "none": torch.tensor(1 - 1e-4)}[scale] + 1e-4
    expected = ((grouped - grouped.mean(dim=1, keepdim=True)) / divisor).numpy()
    assert found == pytest.approx(expected, abs=2e-4)
    assert not found[2].any()


def test_parts_add_up_to_the_whole(task, beginner, tmp_path):
    """The same gradient in one pass and in three whose gradients add up, for the loss that normalises by tokens too."""
    for variant in ("dr_grpo", "dapo"):
        found = []
        for parts in (1, 3):
            trainer = trainer_of(task, beginner, tmp_path, changed(parts=parts, variant=variant))
            batch_of(trainer)
            found.append(gradient(trainer, trainer._buffered_inputs))
        assert torch.allclose(*found, atol=1e-6)
    with pytest.raises(ValidationError, match="cut into 5 equal parts"):
        GrpoConfig(states=6, parts=5)


def test_the_entropy_bonus_is_in_the_loss_and_follows_its_gradient(task, beginner, tmp_path):
    """Against the plain loss, in one part and in three: less the weight times the mean entropy of the kept prompts."""
    found = {}
    for entropy, parts in ((0.0, 1), (0.01, 1), (0.01, 3)):
        trainer = trainer_of(task, beginner, tmp_path, changed(entropy=entropy, parts=parts))
        batch_of(trainer)
        found[entropy, parts] = gradient(trainer, trainer._buffered_inputs)
    trainer = trainer_of(task, beginner, tmp_path)
    batch_of(trainer)
    (part,) = trainer._buffered_inputs
    logits = next_logits(trainer.model, part["prompts"], part["prompts_mask"])[:, list(trainer.policy.actions)]
    mean = torch.distributions.Categorical(logits=logits).entropy().mean()
    trainer.model.zero_grad()
    mean.backward()
    bonus = torch.cat([weight.grad.flatten() for weight in trainer.model.parameters() if weight.grad is not None])
    assert torch.allclose(found[0.0, 1] - 0.01 * bonus, found[0.01, 1], atol=1e-6)
    assert torch.allclose(found[0.01, 1], found[0.01, 3], atol=1e-6)


def test_a_reward_changes_the_settings_that_it_names():
    config = changed(beta=0.02, epsilon_high=None)
    under = config.under(Loss(beta=0.1, entropy=0.003, epsilon_low=0.1))
    assert (under.beta, under.entropy, under.clip()) == (0.1, 0.003, (0.1, 0.28))
    assert config.under(Loss()) == config


@pytest.fixture(scope="module")
def ground(task, beginner):
    return lay_out(task, beginner, changed(iterations=2), 32, 0)


def test_same_gradient_as_the_stock_trainer(ground, tmp_path):
    with quiet():
        ours, theirs = first_gradients(ground, tmp_path)
    assert set(ours) == set(theirs)
    largest = max(float(gradient.abs().max()) for gradient in theirs.values())
    assert largest > 1e-4
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 1e-4 * largest


def test_same_advantages_as_the_stock_trainer(ground, tmp_path):
    with quiet():
        ours = our_trainer(ground, tmp_path)
        batch = ours.supply(0.0)
        stock = stock_trainer(ground, tmp_path, batch)
        theirs = stock._generate_and_score_completions([{"prompt": "", "row": 0} for _ in range(24)])
    assert torch.allclose(ours.cut(batch)[0]["advantages"], theirs["advantages"], atol=1e-6)
    assert as_rollout(batch)["completion_ids"] == theirs["completion_ids"].tolist()


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_are_what_trl_makes_of_them(task, beginner, tmp_path, variant):
    config, expected = changed(variant=variant), VARIANTS[variant]
    args = trainer_of(task, beginner, tmp_path, config).args
    assert (args.loss_type, args.importance_sampling_level, args.scale_rewards) == (
        expected.loss,
        expected.level,
        expected.scale,
    )
    assert (args.epsilon, args.epsilon_high) == config.clip() == (expected.low, expected.high)
    train_grpo(task, beginner, nothing, lambda progress: 0.0, config, 1, tmp_path / "out")
    assert weights(tmp_path / "out") != weights(beginner)


def test_a_sequence_of_one_token_has_the_tokens_ratio(task, beginner, tmp_path):
    found = []
    for level in ("token", "sequence"):
        trainer = trainer_of(task, beginner, tmp_path)
        trainer.importance_sampling_level = level
        inputs = batch_of(trainer)
        inputs["old_per_token_logps"] = inputs["sampled_logps"] + 0.3
        found.append(gradient(trainer, [inputs]))
    assert torch.equal(*found)


def test_groups_of_one_worth_leave_dapos_loss(task, beginner, tmp_path):
    """The loss is that of the other groups alone; other variants count them with an advantage of 0."""
    rewards = np.tile(np.float32([0, 0, 1, 1]), (6, 1))
    rewards[4:] = 1
    batch, found = trainer_of(task, beginner, tmp_path).supply(0.0), {}
    for variant, rows in (("dapo", 6), ("dapo", 4), ("grpo", 6), ("grpo", 4)):
        trainer = trainer_of(task, beginner, tmp_path, changed(variant=variant, states=rows))
        fixed = Batch(
            *(getattr(batch, k)[:rows] for k in ("ids", "mask", "tokens", "logprobs", "reference")), rewards[:rows], {}
        )
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = 1
        found[variant, rows] = gradient(trainer, trainer.cut(fixed))
        assert trainer._metrics["train"]["zero_variance"][-1] == pytest.approx(1 / 3 if rows == 6 else 0)
        assert trainer._metrics["train"]["dropped"][-1] == pytest.approx(1 / 3 if (variant, rows) == ("dapo", 6) else 0)
    assert torch.allclose(found["grpo", 6] * 1.5, found["grpo", 4], atol=1e-5)
    assert torch.allclose(found["dapo", 6], found["dapo", 4], atol=1e-5)


def test_a_sampler_of_another_precision_is_corrected_up_to_the_cap(task, beginner, tmp_path):
    trainer = trainer_of(task, beginner, tmp_path)
    inputs = batch_of(trainer)
    before, exact = inputs["advantages"].clone(), inputs["sampled_logps"].clone()
    inputs["sampled_logps"] = exact - torch.tensor([0.1, 3.0]).repeat(12)[:, None]
    trainer.compute_loss(trainer.model, inputs)
    assert torch.allclose(inputs["advantages"], before * torch.tensor([np.exp(0.1), 2.0]).repeat(12).float(), atol=1e-4)


def test_groups_of_one_are_refused():
    with pytest.raises(ValidationError, match="group"):
        GrpoConfig(group=1)


@pytest.mark.parametrize("continuation", ["greedy", "policy"])
def test_same_seed_same_bytes(task, beginner, tmp_path, continuation):
    config, told = changed(EXAMINED, steps=5, continuation=continuation), []
    reward = TermedReward(lambda features: features[..., 8], {"room": lambda features: features[..., 8]})
    runs = [
        train_grpo(task, beginner, reward, lambda progress: 0.2, config, seed, tmp_path / name, lambda *args: told.append(args))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")
    assert weights(tmp_path / "a") != weights(beginner)
    assert runs[0] == runs[1]
    exam = {"score", "score_start", "proxy", "proxy_start"}
    assert set(runs[0].health) == {*FIGURES, "gain", "pieces", "term room", *exam}
    assert runs[0].health["return_spec"] == pytest.approx(0.2 * runs[0].health["term room"], rel=1e-4)
    assert runs[0].health["return_spec"] > 0
    assert np.isfinite(list(runs[0].health.values())).all()
    assert [step for step, _ in runs[0].curve] == [0, 2, 4, 5]
    assert runs[0].stopped is None
    assert told[0][:2] == ("grpo", 0.2)


@pytest.mark.parametrize("iterations", [1, 2, 3])
@pytest.mark.parametrize("steps", [1, 2, 10, 12, 40])
def test_a_report_averages_at_least_one_whole_batch(steps, iterations):
    """A step that reuses a batch measures no return, so a report over such steps alone would say 0."""
    record = Record("grpo", silent, {"return_env": "return_env", "kl": "kl", "clip_low": "clip_low"})
    for step in range(steps):
        fresh = {"return_env": 3.0} if step % iterations == 0 else {"clip_low": 0.5}
        record.rows.append({"kl": 0.1, **fresh})
        record.loss.append(0.0)
    reused = {"clip_low": 0.5} if min(iterations, steps) > 1 else {}  # what no step has measured is left out, not 0
    assert record.report(0.0, least=iterations).health == pytest.approx({"return_env": 3.0, "kl": 0.1, **reused})


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_short_training_reports_the_return_of_its_last_batch(task, beginner, tmp_path, steps):
    rows = []
    tell = lambda stage, progress, figures: rows.append(figures)  # noqa: E731
    report = train_grpo(task, beginner, nothing, lambda progress: 0.0, changed(steps=steps), 1, tmp_path / "a", tell)
    measured = [row["return_env"] for row in rows if "return_env" in row]
    assert report.health["return_env"] == pytest.approx(measured[-1])
    assert measured[-1] != 0
    assert report.health["kl"] == pytest.approx(np.mean([row["kl"] for row in rows[-2:]]))


def test_gamma_warms_up_and_follows_the_progress(task, beginner, tmp_path):
    paid = lambda features: nothing(features) + 1  # noqa: E731

    def returns(**values):
        found, config = [], changed(steps=8, iterations=1, sampler="actions", **values)
        tell = lambda stage, progress, figures: found.append(figures)  # noqa: E731
        train_grpo(task, beginner, paid, lambda progress: 0.5, config, 1, tmp_path / "a", tell)
        return [figures["return_spec"] for figures in found], [figures["return_env"] for figures in found]

    warmed, env = returns(warmup=0.25)
    plain, _ = returns(warmup=0.0)
    alone, weighed = returns(warmup=0.25, env_weight=0.0)
    assert warmed[:3] == [0, 0, 0]
    assert warmed[3] > 0.4 * plain[3]
    assert min(plain) > 0
    assert min(alone) > 0  # there is nothing to warm up on
    assert any(env)
    assert weighed == [0.0] * 8
    shares = [GrpoConfig(warmup=0.2).share(progress) for progress in (0.0, 0.2, 0.3, 0.4, 1.0)]
    assert shares == pytest.approx([0, 0, 0.5, 1, 1])


def test_cut_off_training_goes_on_to_the_same_weights(task, beginner, tmp_path):
    config = changed(EXAMINED, steps=6, checkpoint=3)
    assert config.saves() == 4  # a whole number of batches
    reward = lambda features: features[..., 8]  # noqa: E731
    whole = train_grpo(task, beginner, reward, lambda progress: 0.2, config, 7, tmp_path / "whole")

    def cut(stage, progress, figures):
        if progress > 0.7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_grpo(task, beginner, reward, lambda progress: 0.2, config, 7, tmp_path / "cut", cut)
    assert not (tmp_path / "cut").exists()
    told = []
    again = train_grpo(
        task, beginner, reward, lambda progress: 0.2, config, 7, tmp_path / "cut", lambda *args: told.append(args[1])
    )
    assert told == pytest.approx([5 / 6, 1])
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert again == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]


def test_games_that_begin_anew_are_others(task, beginner):
    crew = actors(task, beginner)
    seen = [crew.fleet.observations(np.arange(4)).columns["food"]]
    for step in (4, 8):
        crew.advance(3)
        crew.restart(step)
        seen.append(crew.fleet.observations(np.arange(4)).columns["food"])
    assert crew.started == 2 * 8 * 24 + 24
    assert not any(np.array_equal(a, b) for a, b in pairwise(seen))
    other = actors(task, beginner)
    other.restart(8)
    assert np.array_equal(other.fleet.observations(np.arange(4)).columns["food"], seen[-1])


def test_infinite_reward_stops_and_leaves_nothing(task, beginner, tmp_path):
    for config in (TINY, EXAMINED):
        with pytest.raises(TrainingError, match="not finite"):
            train_grpo(task, beginner, lambda f: nothing(f) + np.inf, lambda progress: 1.0, config, 1, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("config", [TINY, EXAMINED])
def test_a_loss_that_is_not_finite_stops_with_the_last_good_weights(task, beginner, tmp_path, monkeypatch, config):
    """The third step's loss is NaN: the step is not made. Without examinations what stood before it is kept."""
    compute, kept = SharedPromptTrainer._compute_loss, {}

    def poisoned(self, model, inputs):
        loss = compute(self, model, inputs)
        kept[self.state.global_step] = trained_weights(self.model)
        if self.state.global_step == 2:
            self.last_loss = loss * torch.nan
            return self.last_loss
        return loss

    monkeypatch.setattr(SharedPromptTrainer, "_compute_loss", poisoned)
    report = train_grpo(task, beginner, nothing, lambda progress: 0.0, config, 1, tmp_path / "a")
    assert report.steps == 2
    assert (report.alarms[-1].name, report.alarms[-1].severity) == ("not_finite", "stop")
    assert report.stopped.startswith("not finite at step 3: ")
    assert "loss nan" in report.stopped
    found = load(tmp_path / "a").model.state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in kept[2].items())
    json.dumps([report.alarms[-1].value, report.alarms[-1].bound], allow_nan=False)  # the ledger takes no NaN


def test_a_policy_that_cannot_be_sampled_stops_with_the_last_good_weights(task, beginner, tmp_path, monkeypatch):
    """The second batch meets logits that are NaN: the weights of the start are left, the last that were known to be good."""
    step = SharedPromptTrainer.training_step

    def broken(self, model, inputs, num_items_in_batch=None):
        loss = step(self, model, inputs, num_items_in_batch)
        if self.state.global_step == 1:
            with torch.no_grad():
                next(model.parameters()).fill_(torch.nan)
        return loss

    monkeypatch.setattr(SharedPromptTrainer, "training_step", broken)
    report = train_grpo(task, beginner, nothing, lambda progress: 0.0, TINY, 1, tmp_path / "a")
    assert report.stopped.startswith("not finite at step 2: ")
    assert weights(tmp_path / "a") == weights(beginner)


def script(monkeypatch, *checks):
    """Let the examinations say: (scores, returns) of each check in turn, the same for all games."""
    from ouroloop.policy.grpo.monitors import Truth

    said = iter(checks)

    def take(self, policy, step):
        score, proxy = next(said)
        spread = np.linspace(-0.1, 0.1, 6)
        return Truth(step, score + spread, proxy + spread**2)

    monkeypatch.setattr(Exam, "take", take)


def test_reward_hacking_stops_with_the_weights_of_the_last_healthy_check(task, beginner, tmp_path, monkeypatch):
    kept, weigh = [], Exam.take
    config = changed(EXAMINED, steps=8)

    def take(self, policy, step):
        kept.append(trained_weights(policy.policy.model))
        return weigh(self, policy, step)

    script(monkeypatch, (10.0, 0.0), (10.5, 0.1), (6.0, 0.5), (99.0, 0.0))
    weigh = Exam.take
    monkeypatch.setattr(Exam, "take", take)
    report = train_grpo(task, beginner, nothing, lambda progress: 0.0, config, 1, tmp_path / "hacked")
    assert report.steps == 4
    assert report.stopped.startswith("reward hacking at step 4: ")
    assert [step for step, _ in report.curve] == [0, 2, 4]
    assert [score for _, score in report.curve] == pytest.approx([10.0, 10.5, 6.0])
    written = load(tmp_path / "hacked").model.state_dict()
    same = [all(torch.equal(written[name], weight) for name, weight in weights.items()) for weights in kept]
    assert same == [False, True, False]


def test_a_score_that_falls_alone_is_noted_once(task, beginner, tmp_path, monkeypatch):
    script(monkeypatch, (10.0, 0.0), (6.0, 0.0), (6.0, -1.0))
    report = train_grpo(task, beginner, nothing, lambda progress: 0.0, EXAMINED, 1, tmp_path / "a")
    assert [(one.name, one.step, one.severity) for one in report.alarms] == [("score_fell", 2, "note")]
    assert report.stopped is None
    assert report.steps == 4


def test_alarms_that_are_asked_to_stop_do(task, beginner, tmp_path):
    limits = Limits(window=1, grad_norm=1e-6, stops=frozenset({"grad_norm"}))
    report = train_grpo(task, beginner, nothing, lambda progress: 0.0, changed(limits=limits), 1, tmp_path / "a")
    assert report.steps == 1
    assert report.stopped.startswith("grad norm at step 1: ")


def test_refusals(task, beginner, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="nobody"):
        train_grpo(task, beginner, nothing, lambda progress: 0.0, changed(continuation="nobody"), 1, tmp_path / "a")
    with pytest.raises(UsageError, match="size 6, found size 8"):
        train_grpo(SnakeTask(8), beginner, nothing, lambda progress: 0.0, TINY, 1, tmp_path / "a")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="one process, found 2"):
        train_grpo(task, beginner, nothing, lambda progress: 0.0, TINY, 1, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@dataclass
class Stranger:
    """A language policy of another vocabulary, whose actions lie apart and in no order."""

    model: Any
    encoding: Any
    task: str = "snake"
    size: int = 6
    actions: tuple[int, ...] = (911, 17, 905, 300)
    end: int = 950
    pad: int = 950

    def encode(self, observations):
        ids, mask = self.encoding.encode_batch(observations)
        return np.where(mask, ids, self.pad).astype(np.int32), mask


def stranger(kind):
    set_seed(0)
    if kind == "gpt2":  # absolute positions
        config = GPT2Config(vocab_size=960, n_positions=64, n_embd=32, n_layer=2, n_head=2, resid_pdrop=0.1)
        return Stranger(GPT2LMHeadModel(config), encoding_of("path", 6))
    config = LlamaConfig(
        vocab_size=960, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, attention_dropout=0.1
    )
    policy = Stranger(LlamaForCausalLM(config), encoding_of("path", 6))
    for name, weight in policy.model.named_parameters():
        weight.requires_grad_("self_attn" in name)  # as with an adapter, only some weights are trained
    return policy


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("sampler", ["actions", "vocabulary"])
def test_any_language_policy_is_improved(task, tmp_path, kind, sampler):
    policy = stranger(kind)
    before = {name: weight.detach().clone() for name, weight in policy.model.named_parameters()}
    report = improve(task, policy, nothing, lambda progress: 0.0, changed(EXAMINED, sampler=sampler), 1, tmp_path)
    moved = {name for name, weight in policy.model.named_parameters() if not torch.equal(weight, before[name])}
    assert moved
    assert moved <= {name for name, weight in policy.model.named_parameters() if weight.requires_grad}
    assert report.stopped is None
    assert report.health["sampler_gap"] < 1e-4
    assert report.health["kl"] > 0


def test_an_adapter_of_a_base_is_improved_from_a_directory_and_goes_on_after_a_cut(task, tmp_path):
    """In bfloat16, in which sampler and trainer differ by roundings."""
    base = load_base(
        checkpoint(tmp_path / "base", "qwen"), SnakeTask(6), encoding="json", adapter=LoraSettings(rank=2), dtype=torch.bfloat16
    )
    save_policy(base, tmp_path / "start")
    config = changed(EXAMINED, steps=5, checkpoint=2, truth_games=2)

    def train(out, progress):
        return train_grpo(task, tmp_path / "start", nothing, lambda _: 0.0, config, 1, tmp_path / out, progress)

    def cut(stage, progress, figures):
        if progress > 0.5:
            raise KeyboardInterrupt

    whole = train("whole", lambda *_: None)
    assert whole.stopped is None
    assert 0 < whole.health["sampler_gap"] < 0.1
    with pytest.raises(KeyboardInterrupt):
        train("cut", cut)
    assert train("cut", lambda *_: None) == whole
    start, one, other = ((tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("start", "whole", "cut"))
    assert start != one == other


def test_a_frozen_sampler_stays_as_it_was(task):
    policy = stranger("llama")
    seen = task.positions(1, 5).observations()
    reference, player = frozen(policy), player_of(policy)
    first = reference.token_logits(seen)
    with torch.no_grad():
        for weight in policy.model.parameters():
            weight.add_(0.1 * weight.requires_grad)
    moved = player.token_logits(seen)
    assert not np.allclose(moved, first)
    assert np.array_equal(reference.token_logits(seen), first)
    assert np.allclose(reference.logits(seen), first[:, list(policy.actions)], atol=1e-5)
    assert np.array_equal(player.token_logits(seen), moved)


def test_the_trainers_logits_are_the_players(task, untrained):
    for policy in (stranger("gpt2"), stranger("llama"), load(untrained)):
        seen = task.positions(1, 9).observations()
        ids, mask = policy.encode(seen)
        policy.model.eval()
        with torch.no_grad():
            found = next_logits(policy.model, torch.from_numpy(ids).long(), torch.from_numpy(mask).long())
        assert np.allclose(found.numpy(), player_of(policy).token_logits(seen), atol=1e-4)


@pytest.mark.slow
def test_reward_of_the_game_helps_and_its_opposite_rings(task, tmp_path):
    from ouroloop.bench.policy.gain import measure

    found = measure(lambda what, fraction: None, seeds=1)
    assert found["useful"]["gain"]["mean"] > 0.1
    assert found["harmful"]["rang"] == 1
