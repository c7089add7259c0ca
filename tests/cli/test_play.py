"""The commands `eval` and `watch`: what they print, what they draw, and how they refuse."""

from __future__ import annotations

import io
import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from ouroloop.cli.main import call
from ouroloop.envs.snake.drawing import paint as scene_paint
from ouroloop.envs.snake.drawing import tiles as scene_tiles
from ouroloop.envs.snake.drawing.colours import BODY, gradient
from ouroloop.envs.snake.drawing.dots import fineness, points
from ouroloop.envs.snake.drawing.gif import encoded
from ouroloop.envs.snake.drawing.paint import paint
from ouroloop.envs.snake.drawing.scene import Scene, scene_of
from ouroloop.envs.snake.drawing.text import characters, draw, half_blocks
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.contender import contender
from ouroloop.inspect.evaluation import histogram
from ouroloop.inspect.watch import animation
from ouroloop.inspect.watch.animation import Frames
from ouroloop.inspect.watch.games import watch_games
from ouroloop.inspect.watch.moments import moments
from ouroloop.inspect.watch.screens import Live, Nowhere
from ouroloop.protocols.records import Moment, Observations
from ouroloop.protocols.seeds import game_seeds

TIMES = ("decisions_per_s", "tokens_per_s", "seconds")
CAREFUL = """\
from toolkit import legal_moves


def act(observation, logits):
    return max(legal_moves(observation) or [0], key=lambda move: logits[move])
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A policy directory for 6x6 boards with random weights."""
    from ouroloop.policy.settings import Shape
    from ouroloop.policy.snake_gpt import create, save

    out = tmp_path_factory.mktemp("policy") / "tiny"
    save(create(SnakeTask(6), Shape(hidden=32, intermediate=48), 1), out)
    return str(out)


@pytest.fixture(scope="module")
def played() -> list[Moment]:
    """All moments of a game in which the snake grows long."""
    with contender(None, "early", None, "wasm", {"size": 6}, 1) as player:
        return list(moments(player, game_seeds(0, "eval", 0, 1)[0], 0))


@pytest.fixture(scope="module")
def game(played: list[Moment]) -> list[Scene]:
    """The same as scenes."""
    return [scene_of(moment) for moment in played]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    """Return the JSON document that a command prints."""
    assert call([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """Return the one line with which a command fails."""
    assert call(list(arguments)) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("extra", [(), ("--sampled", "--temperature", "2")])
def test_eval_is_a_function_of_its_options_and_not_of_threads(
    policy: str, extra: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (
        printed(capsys, "eval", "--policy", policy, "--games", "110", "--threads", threads, *extra) for threads in ("1", "3")
    )
    assert {k: v for k, v in first.items() if k not in TIMES} == {k: v for k, v in second.items() if k not in TIMES}
    assert first["games"] == 110
    assert first["size"] == 6
    assert first["score"]["low"] <= first["score"]["mean"] <= first["score"]["high"]
    assert first["choice"] == ("sampled" if extra else "greedy")
    assert first["tokens_per_s"] > first["decisions_per_s"] > 0
    other = printed(capsys, "eval", "--policy", policy, "--games", "110", "--seed", "1", *extra)
    assert other["steps_mean"] != first["steps_mean"]


def test_eval_of_a_teacher_plays_the_watch_stream(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "eval", "--teacher", "astar", "--size", "8", "--games", "30", "--seed", "7")
    outcomes = SnakeTask(8).rollout("astar", np.array(game_seeds(7, "eval", 0, 30), dtype=np.uint64))
    assert found["score"]["mean"] == outcomes.score.mean()
    assert found["win_rate"] == outcomes.won.mean()
    assert found["choice"] == "taught"
    assert printed(capsys, "eval", "--teacher", "random", "--games", "3")["size"] == 10
    walled = printed(capsys, "eval", "--teacher", "astar", "--size", "8", "--games", "30", "--seed", "7", "--walls", "0.2")
    assert walled["score"] != found["score"]


def test_eval_prints_a_table_and_a_histogram(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["eval", "--policy", policy, "--games", "20"]) == 0
    text = capsys.readouterr().out
    for part in (
        "on snake, size 6",
        "20 games, greedy",
        "of 33, 95 % interval",
        "path optimality",
        "tokens/s",
        "games by score",
        "█",
    ):
        assert part in text


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60))
def test_every_game_is_in_the_histogram(scores: list[int]) -> None:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(histogram(np.array(scores)))
    rows = [line.split() for line in console.file.getvalue().splitlines()[1:]]
    assert sum(int(row[2]) for row in rows if len(row) == 3) == len(scores)
    assert len(rows) <= 13


def test_a_controller_decides_in_the_sandbox(policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "careful.py").write_text(CAREFUL)
    options = ("--policy", policy, "--games", "12")
    alone = printed(capsys, "eval", *options)
    careful = ("--controller", str(tmp_path / "careful.py"), "--sandbox", "wasm")
    helped = printed(capsys, "eval", *options, *careful)
    assert helped["steps_mean"] > 2 * alone["steps_mean"]
    assert helped["controller"] == str(tmp_path / "careful.py")
    seen = printed(capsys, "watch", "--policy", policy, *careful)
    assert seen["games"][0]["steps"] > 0


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os\n\n\ndef act(observation, logits):\n    return 0\n", "ImportError"),
        ("def act(observation, logits):\n    return 7\n", "returned 7"),
        ("def act(observation, logits):\n    while True:\n        pass\n", "took longer"),
        ("act = 3\n", "act"),
    ],
)
@pytest.mark.parametrize("command", ["eval", "watch"])
def test_a_failing_controller_is_one_line(
    command: str, source: str, reason: str, policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.py").write_text(source)
    line = said(capsys, 1, command, "--policy", policy, "--controller", str(tmp_path / "bad.py"), "--sandbox", "wasm")
    assert reason in line
    assert f"controller {tmp_path / 'bad.py'}" in line


@pytest.mark.parametrize("command", ["eval", "watch"])
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "found neither"),
        (("--policy", "POLICY", "--teacher", "astar"), "found both"),
        (("--policy", "snake-gpt-11x11"), "no shipped policy"),
        (("--policy", "EMPTY"), "no policy directory"),
        (("--policy", "POLICY", "--size", "8"), "size 6, found size 8"),
        (("--policy", "POLICY", "--walls", "0.5"), "share of walls"),
        (("--policy", "POLICY", "--walls", "nan"), "task.walls: expected a number, found nan"),
        (("--teacher", "nobody"), "choose one of"),
        (("--teacher", "astar", "--task", "chess"), "no game 'chess'"),
        (("--teacher", "astar", "--task", "tests.games.balance.task:BalanceTask"), "the game balance has no teachers"),
        (("--teacher", "astar", "--task", "tests.games.balance.task:BalanceTask", "--walls", "0.1"), "unknown key task.walls"),
        (("--policy", "POLICY", "--task", "tests.games.balance.task:BalanceTask"), "snake"),
        (("--teacher", "astar", "--size", "3"), "board size 3"),
        (("--policy", "POLICY", "--controller", "EMPTY"), "cannot be read"),
        (("--policy", "POLICY", "--controller", "EMPTY/none.py"), "cannot be read"),
    ],
)
def test_what_cannot_be_played_is_refused(
    command: str, options: tuple[str, ...], reason: str, policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"POLICY": policy, "EMPTY": str(tmp_path)}
    filled = [places.get(o, o.replace("EMPTY/", f"{tmp_path}/")) for o in options]
    assert reason in said(capsys, 2, command, *filled)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("eval", "--policy", "POLICY", "--temperature", "2"), "without --sampled"),
        (("eval", "--policy", "POLICY", "--sampled", "--temperature", "0"), "temperature 0.0"),
        (("eval", "--teacher", "astar", "--sampled"), "no distribution"),
        (("watch", "--teacher", "astar", "--size", "4", "--gif", "/dev/null/all.gif"), "cannot be written"),
        (("watch", "--teacher", "astar", "--size", "4", "--gif", "/"), "is a directory"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: tuple[str, ...], reason: str, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in said(capsys, 2, *(policy if option == "POLICY" else option for option in options))


def test_watch_off_a_terminal_prints_lines(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("watch", "--teacher", "astar", "--size", "6", "--games", "2", "--seed", "3")
    assert call(list(options)) == 0
    lines = capsys.readouterr().out.splitlines()
    outcomes = SnakeTask(6).rollout("astar", np.array(game_seeds(3, "eval", 0, 2), dtype=np.uint64))
    meals = [line for line in lines if line.startswith("game ") and "  score " in line]
    assert len(meals) == outcomes.score.sum()
    assert next(line for line in lines if line.startswith("game 2:")).startswith(f"game 2: score {outcomes.score[1]}, ")
    assert sum("@" in line for line in lines) == 2
    found = printed(capsys, *options)
    assert [game["score"] for game in found["games"]] == outcomes.score.tolist()
    assert [game["steps"] for game in found["games"]] == outcomes.steps.tolist()
    assert found["gif"] is None


def test_watch_draws_live_on_a_terminal_and_waits_between_scenes() -> None:
    waited: list[float] = []
    console = Console(
        force_terminal=True, width=90, height=30, color_system="truecolor", file=io.StringIO(), legacy_windows=False
    )
    with contender(None, "astar", None, "wasm", {"size": 6}, 1) as player:
        screen = Live(console, player.task, "astar", 2, 20, waited.append)
        seen = watch_games(player, game_seeds(5, "eval", 0, 2), screen, ())
    text = console.file.getvalue()
    assert "astar, game 2 of 2" in text
    assert "▀▀▀▀" in text
    assert text.rstrip("\n").endswith("\x1b[?25h"), "the cursor is not given back"
    assert len(waited) == sum(game.steps + 1 for game in seen)
    assert sum(pause > 1 for pause in waited) == 1, "between the games there is a rest"
    assert sum(0 < pause <= 0.05 for pause in waited) > len(waited) / 2


def test_watch_in_a_terminal_goes_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert call(["watch", "--teacher", "astar", "--size", "4", "--fps", "50"]) == 0
    text = capsys.readouterr().out
    assert "length" in text
    assert "step 1 " not in text


def test_an_interrupted_watch_closes_its_screen() -> None:
    class Interrupted(Nowhere):
        closed = False

        def show(self, moment: Moment) -> None:
            if moment.steps == 4:
                raise KeyboardInterrupt

        def close(self) -> None:
            self.closed = True

    screen = Interrupted()
    with contender(None, "early", None, "wasm", {"size": 6}, 1) as player, pytest.raises(KeyboardInterrupt):
        watch_games(player, game_seeds(0, "eval", 0, 1), screen, ())
    assert screen.closed


def test_scenes_are_the_game(game: list[Scene]) -> None:
    outcomes = SnakeTask(6).rollout("early", np.array(game_seeds(0, "eval", 0, 1), dtype=np.uint64))
    assert [scene.steps for scene in game] == list(range(int(outcomes.steps[0]) + 1))
    assert game[-1].score == outcomes.score[0]
    assert [scene.cause for scene in game[:-1]] == [None] * (len(game) - 1)
    assert game[-1].cause == SnakeTask(6).causes[outcomes.cause[0]]
    for before, after in pairwise(game[:-1]):
        assert before.direction(before.snake[0], after.snake[0]) == before.action == after.heading
        assert before.odds[before.action] == sum(before.odds) == 1


def test_a_policys_odds_are_a_distribution(policy: str) -> None:
    with contender(policy, None, None, "wasm", {}, 1) as player:
        found = list(moments(player, game_seeds(0, "eval", 0, 1)[0], 0))[:-1]
    assert all(abs(sum(scene.odds) - 1) < 1e-9 and scene.odds[scene.action] == max(scene.odds) for scene in found)
    assert all(max(scene.odds) < 1 for scene in found)


@pytest.mark.parametrize("fine", [1, 2, 3, 4])
def test_points_show_every_part_and_no_other_lane(game: list[Scene], fine: int) -> None:
    scene = game[len(game) // 2]
    picture = points(scene, fine)
    assert picture.shape == (6 * fine, 6 * fine, 3)
    thick = fine if fine < 3 else fine - 1
    for part in range(1, len(scene.snake)):
        row, column = divmod(scene.snake[part], 6)
        own = picture[row * fine : row * fine + thick, column * fine : column * fine + thick]
        assert (own == gradient(scene.share(part))).all()
    ground = set(np.array([(25, 30, 42), (29, 35, 49)]).sum(axis=1).tolist())
    drawn = sum(int(value) not in ground for value in picture.astype(int).sum(axis=2).reshape(-1))
    links = (len(scene.snake) - 1) * (0 if fine < 3 else thick)
    assert drawn == (len(scene.snake) + 1) * thick**2 + links - (fine == 4)  # one point of the food is ground


def test_half_blocks_hold_all_points() -> None:
    picture = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    text = half_blocks(picture)
    assert text.plain == "\n".join(["▀▀▀▀"] * 3)
    colours = [span.style.color.get_truecolor() for span in text.spans]
    below = [span.style.bgcolor.get_truecolor() for span in text.spans]
    assert [tuple(c) for c in colours[:4]] == [tuple(p) for p in picture[0].tolist()]
    assert [tuple(c) for c in below[4:8]] == [tuple(p) for p in picture[3].tolist()]


@pytest.mark.parametrize(("size", "width", "height"), [(6, 80, 24), (10, 80, 24), (10, 200, 60), (32, 100, 40), (128, 80, 24)])
def test_the_board_fits_the_terminal_where_it_can(game: list[Scene], size: int, width: int, height: int) -> None:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    fine = fineness(size, console)
    assert 1 <= fine <= 4
    if fine > 1:
        assert size * fine + 38 <= width
        assert size * fine / 2 + 4 <= height


def test_without_colours_the_board_is_characters(game: list[Scene]) -> None:
    console = Console(width=90, color_system=None, file=io.StringIO())
    scene = game[10]
    console.print(draw(scene, console, ("up", "down", "left", "right"), "x"))
    text = console.file.getvalue()
    assert "▀" not in text
    for line in characters(scene).splitlines():
        assert line in text
    assert characters(scene).count("o") == len(scene.snake) - 1
    assert f"{1:.2f}" in text


@given(st.integers(1, 3000), st.integers(8, 64))
def test_frames_never_are_too_many_and_end_as_the_game_does(steps: int, most: int) -> None:
    frames, nothing = Frames(most=most), Observations({}, {})
    for step in range(steps):
        over = step == steps - 1
        frames.add(Moment(nothing, 0, 0, step, "won" if over else None))
        assert len(frames.kept) <= most
    shown = [scene.steps for scene in frames.kept]
    assert shown[-1] == steps - 1
    assert shown[:-1] == list(range(0, steps - 1, frames.every))
    assert frames.every == 1 or len(shown) > most / 4


def test_a_gif_shows_the_scenes_to_the_point(played: list[Moment]) -> None:
    moments = [*played[:20], *played[60:70], played[-1]]
    some = [scene_of(moment) for moment in moments]
    image = Image.open(io.BytesIO(animation.encoded(SnakeTask(6), moments, 10)))
    assert image.n_frames == len(some)
    pauses = []
    for index, scene in enumerate(some):
        image.seek(index)
        pauses.append(image.info["duration"])
        assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(paint(scene).convert("RGB")))
    assert pauses == [100] * 30 + [animation.HOLD_MS]
    assert image.info["loop"] == 0


def test_what_does_not_change_costs_little(game: list[Scene]) -> None:
    whole = len(encoded(game[:1], [100]))
    assert len(encoded(game[:41], [100] * 41)) < 0.6 * 41 * whole


def test_tiles_join() -> None:
    def wide(edge: np.ndarray) -> int:
        return int((edge != edge[0]).sum())

    up, down, left, right = range(4)
    straight = np.asarray(scene_tiles.body(32, 0, right, left, 5, 5))
    assert (straight == straight[:, :1]).all()
    widths = []
    for tip in range(1, 6):
        behind = None if tip == 1 else left
        last = np.asarray(scene_tiles.body(32, 0, right, behind, 5, tip - 1))
        corner = np.asarray(scene_tiles.body(32, 0, up, left, 5, tip))
        assert abs(wide(last[:, -1]) - wide(corner[:, 0])) <= 2
        assert wide(corner[0]) > wide(corner[-1]) == 0
        widths.append(wide(corner[:, 0]))
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    dead, live = (np.asarray(scene_tiles.head(32, 0, down, 5, 5, lost)) for lost in (True, False))
    assert not np.array_equal(dead, live)


def test_the_head_keeps_its_colour_when_it_has_run_into_something() -> None:
    scene = Scene(6, (7, 8, 9), 20, (), 2, (0, 0, 1, 0), 0, 9, None, 0)
    over = Scene(6, (7, 8, 9), 20, (), None, (), 0, 10, "body", 0)
    assert [scene_paint.shade_of(scene, part) for part in range(3)] == [scene_paint.shade_of(over, part) for part in range(3)]


def test_watch_writes_a_gif_and_says_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "game.gif"
    assert call(["watch", "--teacher", "early", "--size", "4", "--gif", str(path)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert out[0].startswith("game 1: score 13")
    assert out[1].startswith(f"{path}: ")
    assert "is shown" not in out[1]
    image = Image.open(path)
    assert path.stat().st_size < 700_000
    assert image.size == (4 * 36 + 28, 4 * 36 + 60)
    monkeypatch.setattr(animation, "MOST_BYTES", path.stat().st_size // 3)
    found = printed(capsys, "watch", "--teacher", "early", "--size", "4", "--gif", str(path))
    assert found["gif"]["every"] >= 4
    assert path.stat().st_size == found["gif"]["bytes"] <= animation.MOST_BYTES
    assert call(["watch", "--teacher", "early", "--size", "4", "--gif", str(path)]) == 0
    assert f"one move in {found['gif']['every']} is shown" in capsys.readouterr().out


def test_the_gradient_begins_and_ends_as_it_should() -> None:
    assert gradient(0.0) == BODY[0]
    assert gradient(1.0) == BODY[-1]
