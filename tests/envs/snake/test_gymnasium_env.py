"""The vector environment: game for game as the single one, in every autoreset mode."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from ouroloop.envs.snake import gymnasium_env
from ouroloop.envs.snake.gymnasium_env import SnakeEnv, SnakeVectorEnv

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


def test_games_are_cut_off_where_the_specification_says():
    env = gymnasium.make_vec(gymnasium_env.ID, num_envs=40, size=16, max_episode_steps=3)
    env.reset(seed=1)
    cut = 0
    for _ in range(8):
        _, _, terminated, truncated, infos = env.step(np.full(40, 3))
        assert not (terminated & truncated).any()
        cut += truncated.sum()
        if truncated.any():
            assert (infos["steps"][truncated] == 3).all()
            assert all(cause is None for cause in infos["cause"][truncated])
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
