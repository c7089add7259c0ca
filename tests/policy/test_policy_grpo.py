"""GRPO: groups, ratios, gradients, returns, and the same bytes twice."""

import numpy as np
import pytest
import torch

from ouroboros.envs.task import SnakeTask
from ouroboros.policy.encodings import ACTIONS, PAD
from ouroboros.policy.fleet import Fleet
from ouroboros.policy.grpo import GrpoConfig, Rollout, build_trainer, train_grpo
from ouroboros.policy.local import LocalPolicy
from ouroboros.policy.play import play
from ouroboros.policy.rollout import Actors, Futures, collect, sample
from ouroboros.policy.sft import SftConfig, fit_sft
from ouroboros.policy.snake_gpt import Shape, load
from ouroboros.protocols.errors import TrainingError, UsageError

TINY = GrpoConfig(steps=4, states=6, group=4, crews=2, games=8, stagger=3, horizon=5)


def nothing(features):
    return np.zeros(features.shape[:-1], np.float32)


def columns(task):
    names = list(task.features)
    return names.index("ate"), names.index("died"), names.index("starved")


def futures(task, reward=nothing, horizon=5, continuation="greedy", discount=0.5):
    return Futures(reward, columns(task), horizon, discount, continuation)


@pytest.fixture(scope="module")
def beginner(tmp_path_factory):
    """A policy that has learned enough to tell moves apart, and no more."""
    out = tmp_path_factory.mktemp("grpo") / "beginner"
    fit_sft(SnakeTask(6), SftConfig(steps=40, batch=32, positions=1000, shape=Shape(hidden=32, intermediate=48)), 1, out)
    return out


def actors(task, path, games=8):
    return Actors(task, LocalPolicy(path), 3, crews=3, games=games, stagger=4, explore=0.2)


def test_groups_share_their_state_and_their_measure(task, beginner):
    crew = actors(task, beginner)
    groups = collect(crew, futures(task), 10, 8)
    assert groups.tokens.shape == groups.env.shape == groups.spec.shape == (10, 8)
    assert len(groups.prompts) == 10
    for tokens, env in zip(groups.tokens, groups.env, strict=True):
        # Common random numbers: what differs within a group is the action alone.
        assert len({(token, value) for token, value in zip(tokens.tolist(), env.tolist(), strict=True)}) == len(
            set(tokens.tolist())
        )
    deaths = [
        (groups.env[row, k], crew.policy.policy.encoding.decode(prompt).free[token - ACTIONS[0]])
        for row, prompt in enumerate(groups.prompts)
        for k, token in enumerate(groups.tokens[row])
        if token in ACTIONS
    ]
    assert {value for value, free in deaths if not free} <= {np.float32(-1.0)}
    assert all(value > -1 for value, free in deaths if free)


def test_answers_that_are_no_actions_count_as_deaths(task, untrained):
    groups = collect(actors(task, untrained), futures(task), 10, 8)
    strange = ~np.isin(groups.tokens, ACTIONS)
    assert strange.any()
    assert (groups.env[strange] == -1).all()
    assert (groups.spec[strange] == 0).all()


def test_returns_are_discounted_sums(task, beginner):
    """Held against a plain loop over one game at a time."""
    engine = task.positions(5, 12)
    actions = np.arange(12) % 4
    reward = lambda features: 2 * features[..., 0] + features[..., 8]  # noqa: E731
    env, spec = futures(task, reward, 6).returns(task, LocalPolicy(beginner), Fleet([engine.clone(np.arange(12))]), actions)
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


def test_sample_follows_the_softmax():
    logits = np.log(np.array([[0.1, 0.2, 0.7]], np.float32))
    drawn, logprobs = sample(logits, 20_000, np.random.default_rng(0))
    assert np.bincount(drawn[0]) / 20_000 == pytest.approx([0.1, 0.2, 0.7], abs=0.015)
    assert np.allclose(np.exp(logprobs), np.array([0.1, 0.2, 0.7])[drawn], atol=1e-6)


def trainer_of(task, path, tmp_path):
    player = LocalPolicy(load(path))
    crew = Actors(task, player, 3, crews=2, games=8, stagger=3, explore=0.2)
    return build_trainer(player, Rollout(crew, futures(task), TINY), lambda progress: 0.0, TINY, 1, tmp_path)


def batch_of(trainer):
    trainer.model.train()
    return trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))


def test_first_step_is_on_policy_and_moves(task, beginner, tmp_path):
    """Every ratio is 1, sampler and trainer agree on the probabilities, and the gradient is not zero."""
    trainer = trainer_of(task, beginner, tmp_path)
    trainer.current_gradient_accumulation_steps = 1
    inputs = batch_of(trainer)
    assert inputs["completion_ids"].shape == (24, 1)
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
    logps, _, _ = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, 1)
    assert torch.allclose(torch.exp(logps - inputs["old_per_token_logps"]), torch.ones(24, 1), atol=1e-6)
    assert torch.allclose(logps, inputs["sampling_per_token_logps"], atol=1e-4)
    assert torch.allclose(inputs["ref_per_token_logps"], logps, atol=1e-6)
    loss = trainer.compute_loss(trainer.model, inputs)
    loss.backward()
    assert sum(float(p.grad.abs().sum()) for p in trainer.model.parameters()) > 1e-4


def test_batch_holds_whole_groups_of_one_prompt(task, beginner, tmp_path):
    inputs = batch_of(trainer_of(task, beginner, tmp_path))
    prompts = [tuple(row[row != PAD].tolist()) for row in inputs["prompt_ids"]]
    sizes = {prompt: prompts.count(prompt) for prompt in prompts}
    assert all(size % 4 == 0 for size in sizes.values())
    for prompt in sizes:
        members = torch.tensor([other == prompt for other in prompts])
        assert float(inputs["advantages"][members].sum()) == pytest.approx(0, abs=1e-4)


def test_shared_prompts_change_no_number(task, beginner, tmp_path):
    """The overridden forward equals TRL's own, log-probabilities and entropies."""
    trainer = trainer_of(task, beginner, tmp_path)
    inputs = batch_of(trainer)
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
    ours = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, 1, compute_entropy=True)
    theirs = super(type(trainer), trainer)._get_per_token_logps_and_entropies(trainer.model, ids, mask, 1, compute_entropy=True)
    assert torch.allclose(ours[0], theirs[0], atol=1e-5)
    assert torch.allclose(ours[1], theirs[1], atol=1e-4)


@pytest.mark.parametrize("continuation", ["greedy", "policy"])
def test_same_seed_same_bytes(task, beginner, tmp_path, continuation):
    config, told = TINY.model_copy(update={"continuation": continuation}), []
    reward = lambda features: features[..., 8]  # noqa: E731
    runs = [
        train_grpo(task, beginner, reward, lambda progress: 0.2, config, seed, tmp_path / name, lambda *args: told.append(args))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    first, second, third = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert first == second != third
    assert first != (beginner / "model.safetensors").read_bytes()
    assert runs[0] == runs[1]
    health = {"kl", "entropy", "clip_fraction", "zero_variance", "grad_norm", "return_env", "return_spec", "gain"}
    assert set(runs[0].health) == health
    assert np.isfinite(list(runs[0].health.values())).all()
    assert told[0][:2] == ("grpo", 0.25)


def test_gamma_follows_the_progress(task, beginner, tmp_path):
    asked = []
    train_grpo(task, beginner, nothing, lambda progress: asked.append(progress) or 0.1, TINY, 1, tmp_path / "a")
    assert set(asked) == {0.0, 0.5}


def test_infinite_reward_stops_and_leaves_nothing(task, beginner, tmp_path):
    with pytest.raises(TrainingError, match="not finite"):
        train_grpo(task, beginner, lambda f: nothing(f) + np.inf, lambda progress: 1.0, TINY, 1, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_refusals(task, beginner, tmp_path):
    with pytest.raises(UsageError, match="nobody"):
        train_grpo(
            task, beginner, nothing, lambda progress: 0.0, TINY.model_copy(update={"continuation": "nobody"}), 1, tmp_path / "a"
        )
    with pytest.raises(UsageError, match="board size 6, found board size 8"):
        train_grpo(SnakeTask(8), beginner, nothing, lambda progress: 0.0, TINY, 1, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_reward_of_the_game_helps_and_its_opposite_harms(task, tmp_path):
    seeds = np.arange(192, dtype=np.uint64)
    # A short supervised start, as the quickstart has it: from a fuller one (80 steps) 60 steps of GRPO gain little.
    fit_sft(task, SftConfig(steps=60), 5, tmp_path / "start")
    config = GrpoConfig(steps=60)
    names = list(task.features)

    def harmful(features):
        return -5 * features[..., names.index("ate")]

    train_grpo(task, tmp_path / "start", nothing, lambda progress: 0.0, config, 1, tmp_path / "good")
    train_grpo(task, tmp_path / "start", harmful, lambda progress: 1.0, config, 1, tmp_path / "bad")
    start, good, bad = (play(task, LocalPolicy(tmp_path / name), seeds).score.mean() for name in ("start", "good", "bad"))
    assert good > 1.1 * start
    assert bad < 0.8 * start
