"""Playing: what is in a result file is not played again, faults lose a game, and what cannot be played says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ouroloop.bench.snake.xl.checking import verify
from ouroloop.bench.snake.xl.definition import Board, seeds
from ouroloop.bench.snake.xl.figures import figures, replay
from ouroloop.bench.snake.xl.players import player
from ouroloop.bench.snake.xl.playing import play, record
from ouroloop.bench.snake.xl.results import FAULT, read
from ouroloop.bench.snake.xl.seats import Answer, Choice
from ouroloop.envs.snake.rollout import rollout
from ouroloop.inspect.demo.unpacking import unpack
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.ports import Engine
from tests.bench.snake.xl.conftest import SMALL, Part


def quiet(what: str, share: float) -> None:
    assert 0 <= share <= 1


def test_a_teachers_games_are_those_that_it_plays_compiled(tmp_path: Path) -> None:
    result = play(player("best", Choice()), tmp_path / "best.json", Part((Board(8, 0.05),), 8), quiet)
    played = result.boards[0]
    truth = rollout("best", np.array(seeds(8), np.uint64), 8, Board(8, 0.05).task().settings)
    assert list(played.score) == truth.score.tolist()
    assert list(played.steps) == truth.steps.tolist()
    assert played.utility == tuple(round(float(value), 6) for value in truth.utility)


def test_what_is_there_is_not_played_again(tmp_path: Path) -> None:
    path = tmp_path / "astar.json"
    once, asked = player("astar", Choice()), list[str]()

    def told(what: str, share: float) -> None:
        asked.append(what)

    play(once, path, Part(SMALL[:1], 2), told)
    assert set(asked) == {"6x6"}
    first = read(path).boards[0]
    play(once, path, Part(SMALL[:1], 2), told)
    assert read(path).boards[0] == first
    asked.clear()
    play(once, path, Part(SMALL, 3), told)
    whole = play(once, tmp_path / "whole.json", Part(SMALL, 3), quiet)
    for one, other in zip(verify(path).boards, whole.boards, strict=True):
        assert (one.score, one.steps, one.utility, one.cause, one.moves) == (
            other.score, other.steps, other.utility, other.cause, other.moves,
        )  # fmt: skip
    asked.clear()
    play(once, path, Part(SMALL, 2), told)
    assert asked == []


def test_a_stop_keeps_the_boards_that_are_done(tmp_path: Path) -> None:
    path = tmp_path / "astar.json"

    def stop(what: str, share: float) -> None:
        if what != "6x6":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(player("astar", Choice()), path, Part(), stop)
    assert [played.board for played in verify(path).boards] == [Board(6, 0.0)]


def test_another_players_file_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    play(player("astar", Choice()), path, Part(SMALL[:1], 1), quiet)
    with pytest.raises(UsageError, match="holds another player's games"):
        play(player("random", Choice()), path, Part(SMALL[:1], 1), quiet)


def test_a_policy_says_which_boards_it_cannot_play(tmp_path: Path) -> None:
    result = play(player("snake-gpt-6x6", Choice()), tmp_path / "p.json", Part((Board(6, 0.1), Board(8, 0.0)), 1), quiet)
    able, unable = verify(tmp_path / "p.json").boards
    assert able.figures is not None
    assert able.tokens
    assert unable.cannot_play.startswith("the policy in snake-gpt-6x6 ")
    assert unable.figures is None
    assert result.overall.boards == 1
    assert result.overall.utility == pytest.approx(able.figures.utility / 15, abs=1e-6)
    assert result.player.parts["policy"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("guru", "player 'guru' is not known"),
        ("teacher:guru", "teacher 'guru' is not known"),
        ("policy:guru", "guru"),
        ("run:", "names nobody"),
        ("run:nowhere", "nowhere"),
        ("stdio: ", "names nobody"),
        ("stdio:a 'b", "is no command"),
        ("stdio:x --token=sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "holds a key"),
        ("stdio:" + "x " * 200, "at most 300"),
    ],
)
def test_a_player_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        player(text, Choice())


def test_a_build_of_a_run_is_a_policy_with_its_controller(tmp_path: Path) -> None:
    folder = unpack(tmp_path)
    found = player(f"run:{folder}", Choice(name="mine")).who
    assert (found.name, found.kind, set(found.parts)) == ("mine", "build", {"policy", "controller"})
    assert not player(f"run:{folder}@r2-patch1", Choice()).who.same(player("astar", Choice()).who)
    with pytest.raises(UsageError, match="no candidate 'none'"):
        player(f"run:{folder}@none", Choice())


TASK = Board(20, 0.0).task()


class Fails:
    """A seat that has no answer for the second game from its third move on, and plays as a teacher otherwise."""

    asked = 0

    def choose(self, engine: Engine, rows: NDArray[np.int64], games: NDArray[np.int64]) -> Answer:
        self.asked += 1
        failed = [place for place, game in enumerate(games.tolist()) if game == 1 and self.asked > 2]
        return TASK.teach("astar", engine)[rows], failed

    def tokens(self) -> int | None:
        return None


def test_a_game_without_an_answer_is_lost() -> None:
    board = Board(20, 0.0)
    found = record(Fails(), board, 0, 3, lambda _: None)
    assert len(found.moves[1]) == 2
    games = replay(board, 0, found.moves)
    assert games[1] == type(games[1])(0, 2, 0.0, 0.0, FAULT)
    assert {games[0].cause, games[2].cause} <= {"wall", "body"}
    told = figures(board, games, 0.0, None)
    assert told.causes[FAULT] == 1
    assert told.decisions_per_s is None
