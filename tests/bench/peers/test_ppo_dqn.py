"""PPO and DQN as policies like any other."""

import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ouroloop.bench.peers import baseline
from ouroloop.bench.peers import ppo_dqn as baselines
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.play import play
from ouroloop.protocols.errors import SurroundingsError, UsageError

pytest.importorskip("stable_baselines3", reason="stable-baselines3 is missing: pip install 'ouroloop[baselines]'")
from ouroloop.bench.peers import sb3 as baselines_sb3
from ouroloop.bench.peers import sb3_games

STEPS = {"ppo": 4096, "dqn": 2500}
KINDS = list(STEPS)


@pytest.fixture(scope="module")
def made(task, tmp_path_factory):
    """A baseline of each kind: its directory, its report, and what was told meanwhile."""
    out = {}
    for kind in KINDS:
        told, path = [], tmp_path_factory.mktemp("baselines") / kind
        report = baselines.train(kind, task, STEPS[kind], 3, path, lambda *args, told=told: told.append(args), curve=2)
        out[kind] = (path, report, told)
    return out


@pytest.mark.parametrize("size", [5, 6])
def test_what_is_seen_from_the_head(size):
    """Held against the definition, cell by cell, in positions with walls."""
    seen = SnakeTask(size, walls=0.1).positions(1, 40).observations()
    boards = np.asarray(seen.columns["board"]).reshape(-1, size, size)
    planes = baseline.seen_from_head(torch.from_numpy(boards)).numpy().reshape(len(boards), 2, 2 * size - 1, 2 * size - 1)
    for board, (stops, food) in zip(boards, planes, strict=True):
        row, column = np.argwhere(board == 2)[0]
        for r in range(1 - size, size):
            for c in range(1 - size, size):
                inside = 0 <= row + r < size and 0 <= column + c < size
                code = board[row + r, column + c] if inside else 4
                assert stops[r + size - 1, c + size - 1] == (code in (1, 4))
                assert food[r + size - 1, c + size - 1] == (code == 3)
    assert planes[:, 1].sum() == len(boards)


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_tells_what_was_done(made, kind):
    path, report, told = made[kind]
    assert sorted(p.name for p in path.iterdir()) == ["baseline.json", "model.safetensors"]
    assert report.health["moves"] >= STEPS[kind]
    assert report.steps == len(report.loss) > 1
    assert np.isfinite(report.loss).all()
    assert len(report.curve) == 2
    assert report.curve[-1][0] == report.health["moves"]
    fractions = [fraction for _, fraction, _ in told]
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1
    assert told[-1][0] == kind
    assert told[-1][2]["score"] == report.health["score"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_baseline_plays_like_any_policy(made, task, seeds, kind):
    policy = baseline.load(made[kind][0], task="snake", size=6)
    outcomes = play(task, policy, seeds)
    assert (outcomes.cause >= 0).all()
    seen = task.positions(1, 30).observations()
    logits = policy.logits(seen)
    assert logits.shape == (30, 4)
    assert logits.dtype == np.float32
    assert policy.logits(seen.take([])).shape == (0, 4)
    # The last point of the curve is the score of the weights that were written.
    games = np.array(baselines_sb3.game_seeds(3, "search", 0, baselines_sb3.CURVE_GAMES), dtype=np.uint64)
    assert play(task, policy, games).score.mean() == made[kind][1].curve[-1][1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_layers_are_the_librarys_own_net(task, kind):
    diary = baselines_sb3.fit(baseline.Card(kind=kind, task="snake", size=6), task, 2100, 1, baselines.silent, 0)
    seen = task.positions(2, 50).observations()
    boards = torch.from_numpy(np.asarray(seen.columns["board"]).reshape(-1, 6, 6)).float()
    with torch.no_grad():
        if kind == "ppo":
            # torch.distributions takes the logarithm of the sum away, which moves all logits of a row alike.
            theirs = diary.model.policy.get_distribution(boards).distribution.logits
            ours = torch.from_numpy(diary.policy().logits(seen)).log_softmax(dim=1)
        else:
            theirs, ours = diary.model.q_net(boards), torch.from_numpy(diary.policy().logits(seen))
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert theirs.std() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes(made, task, tmp_path, kind):
    path, report, _ = made[kind]
    again = baselines.train(kind, task, STEPS[kind], 3, tmp_path / "again", curve=2)
    assert again == report
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (path / "model.safetensors").read_bytes()
    assert baselines.train(kind, task, STEPS[kind], 4, tmp_path / "other").loss != report.loss


def test_the_games_are_the_environments():
    task = SnakeTask(6, wall_map="......\n.#....\n......\n......\n....#.\n......", start_length=1)
    games = sb3_games.Games(task, 5)
    boards = games.reset()
    assert (boards[:, 1, 1] == 4).all()
    assert (boards == 4).sum() == 2 * len(boards)
    assert len({board.tobytes() for board in boards}) > 8
    ends = 0
    for _ in range(20):
        boards, rewards, ended, told = games.step(np.zeros(baseline.GAMES, dtype=np.int64))
        assert boards.dtype == np.uint8
        assert set(rewards[ended]) <= {-1.0}
        assert [("terminal_observation" in info) for info in told] == ended.tolist()
        ends += ended.sum()
    assert len(games.scores) == ends > 30


def test_the_games_are_one_environment_and_some_of_them_alone_cannot_be_reached(task):
    games = sb3_games.Games(task, 5)
    games.set_attr("label", 7)
    assert games.get_attr("label", [0, 3]) == [7, 7]
    games.reset()
    seen = games.env_method("observations")
    assert len(seen) == games.num_envs
    assert len(seen[0]) == games.num_envs
    for reach in (lambda: games.set_attr("label", 8, [0]), lambda: games.env_method("observations", indices=[0])):
        with pytest.raises(ValueError, match=rf"games \[0\] of {games.num_envs}: .* leave `indices` out"):
            reach()


def test_what_cannot_be_trained(task, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="'a2c' is not known: choose ppo or dqn"):
        baselines.train("a2c", task, 10, 0, tmp_path / "a")
    with pytest.raises(UsageError, match="0 steps"):
        baselines.train("ppo", task, 0, 0, tmp_path / "a")
    monkeypatch.delitem(sys.modules, "ouroloop.bench.peers.sb3")
    monkeypatch.delattr("ouroloop.bench.peers.sb3")
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(SurroundingsError, match=r"pip install 'ouroloop\[baselines\]'"):
        baselines.train("ppo", task, 10, 0, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_loaded(made, tmp_path):
    path = made["ppo"][0]
    for wrong, what in (({"size": 10}, "board size 6, found board size 10"), ({"task": "chess"}, "task snake")):
        with pytest.raises(UsageError, match=what):
            baseline.load(path, **wrong)
    with pytest.raises(UsageError, match="size 6, found 5"):
        baseline.load(path).logits(SnakeTask(5).positions(1, 2).observations())
    with pytest.raises(UsageError, match=r"not a baseline's directory: baseline\.json"):
        baseline.load(tmp_path)
    (tmp_path / "baseline.json").write_text('{"kind": "ppo", "task": "snake", "size": 10}')
    save_file(load_file(path / "model.safetensors"), tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="does not read boards of size 10"):
        baseline.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="missing or damaged"):
        baseline.load(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_ends_it_early(task, tmp_path, kind):
    report = baselines.train(kind, task, 10_000_000, 0, tmp_path / kind, limit_s=0.5)
    assert 0 < report.health["moves"] < 1_000_000
    assert baseline.load(tmp_path / kind).card.kind == kind


@pytest.mark.slow
def test_ppo_learns(task, seeds, tmp_path):
    baselines.train("ppo", task, 30_000, 0, tmp_path / "ppo")
    assert play(task, baseline.load(tmp_path / "ppo"), seeds).score.mean() > 4
