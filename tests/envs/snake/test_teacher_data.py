"""The teacher's positions: what they say is true, whatever the number of threads, and what is refused."""

import json

import numpy as np
import pyarrow as pa
import pytest

from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.envs.snake.teacher_data import DataConfig, read_positions, write_positions
from ouroloop.envs.snake.teachers.teach import TEACHERS, teach
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.seeds import game_seeds


@pytest.mark.parametrize("teacher", TEACHERS)
def test_positions_are_those_of_the_games_and_the_moves_the_teachers(teacher, tmp_path):
    task, path = SnakeTask(6), tmp_path / "a.arrow"
    found = write_positions(task, DataConfig(teacher, games=40, seed=3, per_length=2, least_steps=0), path)
    observations, moves, good = read_positions(path)
    assert len(observations) == len(moves) == found["positions"] > 0
    assert ((good >> moves) & 1).all()
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    games, steps = table["game"].to_numpy(), table["step"].to_numpy()
    engine = task.engine(np.array(game_seeds(3, "train", 0, 40), np.uint64))
    checked = 0
    for step in range(400):
        rows = np.flatnonzero(steps == step)
        now = engine.observations(games[rows])
        for key, column in now.columns.items():
            assert np.array_equal(column, observations.columns[key][rows]), key
        choices = teach(teacher, engine)
        assert np.array_equal(choices[games[rows]], moves[rows])
        checked += len(rows)
        engine.step(choices)
    assert checked == (steps < 400).sum() > 0


def test_short_and_long_snakes_are_both_present(tmp_path):
    found = write_positions(SnakeTask(6), DataConfig("cycle", games=200, per_length=3), tmp_path / "a.arrow")
    lengths = read_positions(tmp_path / "a.arrow")[0].lengths["snake"]
    counts = np.bincount(lengths, minlength=36)[3:]
    assert counts[:-3].min() > 0.75 * counts.max()
    assert counts.min() == 200, "nearly full boards have few steps a length, and every game has some"
    assert found["win_rate"] == 1
    assert sum(found["actions"].values()) == pytest.approx(1, abs=1e-3)
    assert json.loads((tmp_path / "a.arrow.json").read_text())["steps_mean"] == found["steps_mean"]


def test_the_file_does_not_depend_on_threads_and_games_are_those_of_the_seed(tmp_path):
    config = DataConfig("best", games=300, per_length=2, noise=0.1, seed=5)
    for workers in (1, 3):
        write_positions(SnakeTask(5, 0.1), config, tmp_path / f"{workers}.arrow", workers=workers)
    assert (tmp_path / "1.arrow").read_bytes() == (tmp_path / "3.arrow").read_bytes()
    write_positions(SnakeTask(5, 0.1), DataConfig("best", games=300, per_length=2, noise=0.1, seed=6), tmp_path / "6.arrow")
    assert (tmp_path / "1.arrow").read_bytes() != (tmp_path / "6.arrow").read_bytes()


def test_noise_leads_off_the_teachers_ways_and_leaves_its_labels(tmp_path):
    for noise in (0.0, 0.5):
        write_positions(SnakeTask(6), DataConfig("cycle", games=60, noise=noise), tmp_path / f"{noise}.arrow")
    plain, noisy = (read_positions(tmp_path / f"{noise}.arrow") for noise in (0.0, 0.5))
    fresh = [len(np.unique(part[0].columns["board"], axis=0)) / len(part[0]) for part in (plain, noisy)]
    assert fresh[0] < fresh[1]
    observations, moves, _ = noisy
    assert np.array_equal(teach("cycle", SnakeEngine.of(observations)), moves)


def test_walls_are_kept_and_circling_is_not(tmp_path):
    task = SnakeTask(7, 0.2)
    found = write_positions(task, DataConfig("greedy", games=80), tmp_path / "w.arrow")
    observations, _, _ = read_positions(tmp_path / "w.arrow")
    assert (observations.columns["board"] == 4).any(axis=1).mean() > 0.9
    assert 0 < found["games"]["starved"] <= found["games"]["kept"]
    end = task.rollout("greedy", np.array(game_seeds(0, "train", 0, 80), np.uint64))
    with pa.memory_map(str(tmp_path / "w.arrow")) as source:
        games = pa.ipc.open_file(source).read_all()["game"].to_numpy()
    for game in np.flatnonzero(end.cause == 2):
        assert observations.lengths["snake"][games == game].max() < 3 + end.score[game]
    short = write_positions(task, DataConfig("random", games=80, least_steps=1000), tmp_path / "s.arrow")
    assert (short["positions"], short["games"]["too_short"]) == (0, 80)


@pytest.mark.parametrize("walls", [0.0, 0.2])
def test_others_read_the_file(walls, tmp_path):
    import datasets
    import pandas as pd

    path = tmp_path / "a.arrow"
    found = write_positions(SnakeTask(6, walls), DataConfig("astar", games=5), path)
    with pa.ipc.open_file(path) as reader:
        assert json.loads(reader.schema.metadata[b"ouroloop"])["teacher"] == "astar"
    frame = pd.read_feather(path)
    assert len(frame) == found["positions"]
    assert (frame["snake"].map(len) == frame["length"]).all()
    assert ("board" in frame) == (walls > 0)
    rows = datasets.load_dataset("arrow", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows["move"][:] == frame["move"].tolist()


@pytest.mark.parametrize("bad", [{"games": 0}, {"per_length": 0}, {"noise": 1.5}, {"noise": float("nan")}, {"least_steps": -1}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(UsageError, match="choose"):
        DataConfig(**bad)


def test_files_are_whole_or_not_there(tmp_path):
    path = tmp_path / "a.arrow"
    with pytest.raises(UsageError, match="guru"):
        write_positions(SnakeTask(6), DataConfig("guru"), path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("no arrow")
    with pytest.raises(UsageError, match="exists already"):
        write_positions(SnakeTask(6), DataConfig(), path)
    for wrong in (path, tmp_path / "none"):
        with pytest.raises(UsageError, match="train data"):
            read_positions(wrong)
    with pytest.raises(SurroundingsError, match="cannot be written"):
        write_positions(SnakeTask(6), DataConfig(games=1), path / "below.arrow")
