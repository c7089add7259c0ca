"""The vector environment: game for game as the single one, in every autoreset mode."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from ouroloop.envs.snake import gymnasium_env
from ouroloop.envs.snake.gymnasium_env import SnakeEnv
from ouroloop.envs.snake.gymnasium_vector import SnakeVectorEnv
from ouroloop.policy.named import load_policy

MODES = list(AutoresetMode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("settings", [{}, {"walls": 0.15, "start_length": 1, "food": "clustered", "idle_limit": 12}])
def test_many_games_go_as_single_ones(mode, settings):
    ours = gymnasium.make_vec(gymnasium_env.ID, num_envs=9, size=5, autoreset_mode=mode.value, **settings)
    assert isinstance(ours.unwrapped, SnakeVectorEnv)
    theirs = SyncVectorEnv([lambda: SnakeEnv(5, **settings)] * 9, autoreset_mode=mode)
    assert data_equivalence(ours.reset(seed=4), theirs.reset(seed=4), exact=True)
    rng, ends = np.random.default_rng(0), 0
    for _ in range(250):
        actions = rng.integers(0, 4, 9)
        mine, other = ours.step(actions), theirs.step(actions)
        assert data_equivalence(mine[0], other[0], exact=True)
        assert data_equivalence(mine[4], other[4], exact=True)
        assert all(np.array_equal(a, b) for a, b in zip(mine[1:4], other[1:4], strict=True))
        over = mine[2] | mine[3]
        ends += over.sum()
        if mode == AutoresetMode.DISABLED and over.any():
            with pytest.raises(AssertionError, match="reset it"):
                ours.step(actions)
            options = {"reset_mask": over}
            mine, other = (env.reset(options=dict(options))[0] for env in (ours, theirs))
            assert data_equivalence(mine, other, exact=True)
    assert ends > 100


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("most", [1, 4, 9])
def test_a_limit_is_gymnasiums_own(mode, most):
    """The limit of `make_vec` is that of `TimeLimit` around each single game, also where a game ends with its last move."""
    ours = gymnasium.make_vec(gymnasium_env.ID, num_envs=16, size=4, max_episode_steps=most, autoreset_mode=mode)
    theirs = SyncVectorEnv([lambda: TimeLimit(SnakeEnv(4), most)] * 16, autoreset_mode=mode)
    assert data_equivalence(ours.reset(seed=4), theirs.reset(seed=4), exact=True)
    rng, both = np.random.default_rng(0), 0
    for _ in range(1000):
        actions = rng.integers(0, 4, 16)
        mine, other = ours.step(actions), theirs.step(actions)
        assert all(np.array_equal(a, b) for a, b in zip(mine[:4], other[:4], strict=True))
        over, both = mine[2] | mine[3], both + (mine[2] & mine[3]).sum()
        if mode == AutoresetMode.SAME_STEP and over.any():
            assert data_equivalence(mine[4]["final_obs"], other[4]["final_obs"], exact=True)
        told = [info.get("final_info", info) for info in (mine[4], other[4])]
        for name in ("score", "steps", "utility", "cause") if mine[2].any() else ():
            assert np.array_equal(*(info[name][mine[2]] for info in told)), "a game cut off has these here alone"
        if mode == AutoresetMode.DISABLED and over.any():
            for env in (ours, theirs):
                env.reset(options={"reset_mask": over})
    assert both > 10


@pytest.mark.parametrize("seed", [[3, None, 9], (3, 4, 5), np.array([7, 8, 9]), np.int64(5), 0, None])
def test_seeds_are_taken_as_gymnasium_takes_them(seed):
    ours, theirs = SnakeVectorEnv(3, 5), SyncVectorEnv([lambda: SnakeEnv(5)] * 3)
    for env in (ours, theirs):
        env.reset(seed=1)
    sequence = seed.tolist() if isinstance(seed, np.generic | np.ndarray) else seed
    mine, other = ours.reset(seed=seed), theirs.reset(seed=sequence)
    assert data_equivalence(mine, other, exact=True)
    mask = np.array([True, False, True])
    mine, other = (env.reset(seed=[11, 12, 13], options={"reset_mask": mask}) for env in (ours, theirs))
    assert data_equivalence(mine, other, exact=True)


@pytest.mark.parametrize("seed", [[5, 6], [], [1, 2, 3, 4], [1, -2, 3], [1, 2.5, 3], "abc", -1, 2.5, True, np.zeros((3, 3))])
def test_wrong_seeds_are_refused_and_no_game_begins(seed):
    env = SnakeVectorEnv(3, 5)
    before, _ = env.reset(seed=1)
    with pytest.raises(ValueError, match="expected"):
        env.reset(seed=seed)
    assert np.array_equal(env.engine.boards().reshape(before.shape), before)


def test_a_limit_below_one_is_refused():
    for most in (0, -3):
        with pytest.raises(ValueError, match="choose 1 or more"):
            SnakeVectorEnv(2, 5, max_episode_steps=most)


def test_a_policy_acts_on_what_the_environment_sees():
    policy = load_policy("snake-gpt-6x6")
    single, many = gymnasium.make(gymnasium_env.ID, size=6), gymnasium.make_vec(gymnasium_env.ID, num_envs=4, size=6)
    for env, count in ((single, 1), (many, 4)):
        board, _ = env.reset(seed=3)
        seen = env.unwrapped.observations()
        assert len(seen) == count
        assert np.array_equal(seen.columns["board"].reshape(board.shape), board)
    foods = 0.0
    for _ in range(100):
        foods += many.step(policy.logits(many.unwrapped.observations()).argmax(axis=-1))[1].sum()
    assert foods > 20


def test_importing_envs_registers_the_ids_and_loads_nothing_heavy():
    code = (
        "import sys, gymnasium, ouroloop.envs; print([m for m in ('torch', 'numba', 'pydantic') if m in sys.modules]); "
        f"print(gymnasium.spec({gymnasium_env.ID!r}).vector_entry_point)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "ouroloop.envs.snake.gymnasium_vector:SnakeVectorEnv"]


def test_games_are_cut_off_where_the_specification_says():
    env = gymnasium.make_vec(gymnasium_env.ID, num_envs=40, size=16, max_episode_steps=3)
    env.reset(seed=1)
    cut = 0
    for _ in range(8):
        _, _, terminated, truncated, infos = env.step(np.full(40, 3))
        cut += truncated.sum()
        if truncated.any():
            assert (infos["steps"][truncated] == 3).all()
            assert all(cause is None for cause in infos["cause"][truncated & ~terminated])
            assert all(infos["cause"][truncated & terminated])
    assert cut > 20
    assert env.unwrapped.spec.kwargs["max_episode_steps"] == 3


def test_arrays_are_ones_own_unless_copying_is_off():
    own, shared = SnakeVectorEnv(3, 6), SnakeVectorEnv(3, 6, copy=False)
    for env, same in ((own, False), (shared, True)):
        first, _ = env.reset(seed=0)
        second = env.step(np.zeros(3, np.int64))[0]
        assert np.shares_memory(first, second) == same


def test_episode_statistics_are_kept():
    env = RecordEpisodeStatistics(gymnasium.make_vec(gymnasium_env.ID, num_envs=6, size=5, autoreset_mode="SameStep"))
    env.reset(seed=2)
    rng, lengths = np.random.default_rng(1), []
    for _ in range(60):
        infos = env.step(rng.integers(0, 4, 6))[4]
        if "episode" in infos:
            lengths += infos["episode"]["l"][infos["_episode"]].tolist()
    assert len(lengths) > 20


def test_wrong_calls_are_refused():
    env = SnakeVectorEnv(3, 5)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(3, np.int64))
    env.reset(seed=0)
    for bad in (np.array([0, 4, 0]), np.array([0, -1, 0]), np.zeros(2, np.int64)):
        with pytest.raises(ValueError, match="expected"):
            env.step(bad)
    for bad, error in ((np.zeros(3, np.bool_), ValueError), (np.ones(2, np.bool_), ValueError), ([True] * 3, TypeError)):
        with pytest.raises(error):
            env.reset(options={"reset_mask": bad})
    with pytest.raises(gymnasium.error.ResetNeeded):
        SnakeEnv(5).step(0)
    with pytest.raises(ValueError, match="num_envs"):
        SnakeVectorEnv(0)
    single = SnakeEnv(5)
    single.reset(seed=0)
    with pytest.raises(ValueError, match=r"expected 0\.\.3"):
        single.step(4)


def test_a_list_of_seeds_gives_each_its_own():
    a, b = SnakeVectorEnv(3, 6), SnakeVectorEnv(3, 6)
    boards, _ = a.reset(seed=[7, 7, None])
    assert np.array_equal(boards[0], boards[1])
    assert np.array_equal(boards[0], b.reset(seed=7)[0][0])


@pytest.mark.slow
def test_stable_baselines_trains_on_it():
    from stable_baselines3 import PPO

    env = gymnasium.make(gymnasium_env.ID, size=5)
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=32, n_epochs=1, seed=0, device="cpu")
    model.learn(256)
    observation, _ = env.reset(seed=0)
    assert env.action_space.contains(np.int64(model.predict(observation, deterministic=True)[0]))
