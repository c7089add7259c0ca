"""The work of `ouroloop watch`: it shows games one after the other, on the terminal, in files, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.inspect.watch.animation import Frames, write_gif
from ouroloop.inspect.watch.moments import moments
from ouroloop.inspect.watch.screens import ending_of, facts_of
from ouroloop.inspect.watch.video import write_mp4

if TYPE_CHECKING:
    from ouroloop.inspect.contender import Contender
    from ouroloop.inspect.watch.screens import Screen
    from ouroloop.inspect.watch.still import Still
    from ouroloop.protocols.canonical import JsonObject
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Moment


@dataclass(frozen=True, slots=True)
class Watched:
    """The result of a game that was watched.

    Args:
        game: its number among those that were watched, from 0.
        score, steps: their values at the end.
        facts: further facts that the game reports at its end.
        cause: how it ended.
        said: the cause in words.
    """

    game: int
    score: int
    steps: int
    facts: Mapping[str, int]
    cause: str
    said: str

    def line(self) -> str:
        """Return it as a line of text."""
        facts = "".join(f"{name} {value}, " for name, value in self.facts.items())
        return f"game {self.game + 1}: score {self.score}, {facts}{self.steps} steps, {self.said}"

    def document(self) -> JsonObject:
        """Return it as `watch --json` prints it."""
        return {"game": self.game, "score": self.score, "steps": self.steps, **self.facts, "cause": self.cause}


def watch_games(
    player: Contender,
    seeds: Sequence[int],
    screen: Screen,
    frames: Sequence[Frames],
    *,
    still: Still | None = None,
    lens: Callable[[Moment], Moment] = lambda moment: moment,
) -> list[Watched]:
    """Play the games with these seeds in turn, show every moment, keep some for files; return the results.

    Args:
        player: who plays.
        seeds: the games' own.
        screen: shows every moment.
        frames: keep the moments of animations.
        still: keeps those of a PNG.
        lens: adds to each moment what speaks for its move.

    Raises:
        CandidateFault: the controller failed.
    """
    seen, task = [], player.task
    try:
        for game, seed in enumerate(seeds):
            for moment in moments(player, seed, game, lens):
                screen.show(moment)
                for one in frames:
                    one.add(moment)
                if still is not None:
                    still.add(moment)
            cause = str(moment.cause)
            said = ending_of(task, cause)
            seen.append(Watched(game, moment.score, moment.steps, facts_of(task, moment), cause, said))
    finally:
        screen.close()
    return seen


@dataclass(frozen=True, slots=True)
class Animation:
    """A GIF or an MP4 that was written: the file, its bytes, its moments; it shows one move in `every`."""

    file: str
    bytes: int
    frames: int
    every: int


def keep_gif(task: Task, frames: Frames, path: Path, fps: int) -> Animation:
    """Write the GIF of games' moments. Raises UsageError if the file cannot be written."""
    size = write_gif(task, frames, path, fps)
    return Animation(str(path), size, len(frames.kept), frames.every)


def keep_mp4(task: Task, frames: Frames, path: Path, fps: int) -> Animation:
    """Write the MP4 of games' moments; raises as `write_mp4` does."""
    size = write_mp4(task, frames, path, fps)
    return Animation(str(path), size, len(frames.kept), frames.every)
