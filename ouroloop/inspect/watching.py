"""What `ouroloop watch` does: games one after the other, to the terminal, to a GIF, or to both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from ouroloop.envs.snake.drawing.gif import Frames, write_gif
from ouroloop.envs.snake.drawing.scene import ENDS, Scene
from ouroloop.envs.snake.drawing.text import characters, draw
from ouroloop.inspect.scenes import scenes

if TYPE_CHECKING:
    from rich.console import Console

    from ouroloop.inspect.contender import Contender

REST_S = 1.5
"""How long the end of a game stays before the next begins."""


class Screen(Protocol):
    """Where a game is shown while it is played."""

    def show(self, scene: Scene) -> None:
        """Show one scene; it may wait until it is due."""
        ...

    def close(self) -> None:
        """End the display; safe to call twice."""
        ...


class Nowhere:
    """Shows nothing."""

    def show(self, scene: Scene) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """One line for each food, and the board at the end: for what is no terminal."""

    def __init__(self) -> None:
        """Begin before the first food."""
        self._score = 0

    def show(self, scene: Scene) -> None:
        """Print a line where something was eaten."""
        if scene.score > self._score:
            click.echo(f"game {scene.game + 1}  step {scene.steps}  score {scene.score}  length {len(scene.snake)}")
        self._score = scene.score
        if scene.cause is not None:
            click.echo(characters(scene))

    def close(self) -> None:
        """Nothing."""


class Live:
    """A live display.

    Args:
        console: the terminal.
        actions: names of the moves.
        name: of the player.
        games: that will be shown.
        fps: scenes a second.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        console: Console,
        actions: tuple[str, ...],
        name: str,
        games: int,
        fps: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take over the terminal."""
        from rich.live import Live as RichLive

        self._console, self._actions, self._name, self._games = console, actions, name, games
        self._pause_s, self._due_s, self._sleep = 1 / fps, 0.0, sleep
        self._live = RichLive(console=console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def show(self, scene: Scene) -> None:
        """Draw a scene when it is due."""
        self._sleep(max(0.0, self._due_s - time.monotonic()))
        last_game = scene.game == self._games - 1
        self._due_s = time.monotonic() + (self._pause_s if scene.cause is None or last_game else REST_S)
        which = f", game {scene.game + 1} of {self._games}" if self._games > 1 else ""
        self._live.update(draw(scene, self._console, self._actions, f" {self._name}{which} "), refresh=True)

    def close(self) -> None:
        """Leave the last scene on the terminal."""
        self._live.stop()


@dataclass(frozen=True, slots=True)
class Watched:
    """How a game went that was watched.

    Args:
        game: its number in the `watch` stream.
        score, steps, length: as they stood at the end.
        cause: how it ended.
    """

    game: int
    score: int
    steps: int
    length: int
    cause: str

    def line(self) -> str:
        """Return it as a line of text."""
        said = ENDS.get(self.cause, self.cause)
        return f"game {self.game + 1}: score {self.score}, length {self.length}, {self.steps} steps, {said}"


def watch_games(player: Contender, seed: int, games: int, screen: Screen, frames: Frames | None) -> list[Watched]:
    """Play games in turn, show every scene, keep some for a GIF; return how they went.

    Raises:
        CandidateFault: the controller failed.
    """
    seen = []
    try:
        for game in range(games):
            for scene in scenes(player, seed, game):
                screen.show(scene)
                if frames is not None:
                    frames.add(scene)
            seen.append(Watched(game, scene.score, scene.steps, len(scene.snake), str(scene.cause)))
    finally:
        screen.close()
    return seen


@dataclass(frozen=True, slots=True)
class Gif:
    """A GIF that was written: the file, its bytes, its frames, and of how many moves it shows one."""

    file: str
    bytes: int
    frames: int
    every: int


def keep_gif(frames: Frames, path: Path, fps: int) -> Gif:
    """Write the GIF; return where it lies, its bytes, its frames, and which moves it shows."""
    size = write_gif(frames, path, fps)
    return Gif(str(path), size, len(frames.kept), frames.every)
