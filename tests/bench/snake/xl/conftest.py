from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ouroloop.bench.snake.xl.definition import Board
from ouroloop.bench.snake.xl.players import player
from ouroloop.bench.snake.xl.playing import play
from ouroloop.bench.snake.xl.results import Result
from ouroloop.bench.snake.xl.seats import Choice

SMALL = (Board(6, 0.0), Board(6, 0.1))


@dataclass(frozen=True)
class Part:
    boards: tuple[Board, ...] = SMALL
    games: int = 3


@pytest.fixture(scope="session")
def astar(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a result file with two boards of three games."""
    path = tmp_path_factory.mktemp("astar") / "astar.json"
    play(player("astar", Choice()), path, Part(), lambda *_: None)
    return path.read_text()


@pytest.fixture
def rehashed() -> Callable[[dict[str, Any]], str]:
    """Return a document as a cheat would write it: with the right form and hash, wherever its values have a form at all."""

    def text(document: dict[str, Any]) -> str:
        document.pop("hash", None)
        try:
            return Result.model_validate(document).text()
        except ValueError:
            return json.dumps(document)

    return text


@pytest.fixture
def file(tmp_path: Path, astar: str) -> Path:
    path = tmp_path / "astar.json"
    path.write_text(astar)
    return path
