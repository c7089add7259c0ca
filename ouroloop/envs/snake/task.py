"""`SnakeTask`: Snake behind `protocols.ports.Task`."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, ClassVar, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.snake import rollout
from ouroloop.envs.snake.drawing import render
from ouroloop.envs.snake.encodings import ENCODINGS, Encoding, encoding_of
from ouroloop.envs.snake.engine.features import FEATURES
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.settings import checked_settings, checked_size
from ouroloop.envs.snake.engine.state import CAUSES
from ouroloop.envs.snake.oracle import regret as oracle
from ouroloop.envs.snake.symmetry import BoardSymmetry
from ouroloop.envs.snake.teachers import teach as teachers
from ouroloop.protocols.ports import Engine
from ouroloop.protocols.records import Ending, Frozen, Observations, Outcomes, ToolkitFunction

if TYPE_CHECKING:
    from ouroloop.envs.snake.drawing.show import SnakeDrawing
    from ouroloop.envs.snake.sight.board import BoardSight

EFFORT: Final = 500_000_000
"""Most moves times cells that one call of `positions` may play."""
NOISE: Final = 0.2
"""Highest share of random moves; they lead the positions' snakes off the teacher's ways."""

START_CONTROLLER: Final = '''"""Turns the policy's logits into a move."""


def act(observation, logits):
    """Return the move that the policy rates highest."""
    return max(range(4), key=lambda move: logits[move])
'''

NAMES: Final = list(FEATURES)
ENDINGS: Final = {
    "wall": Ending(kind="blunder", finding="hits_wall", doc="end by running into a wall or the border"),
    "body": Ending(kind="blunder", finding="hits_body", doc="end by running into the own body", trap=True),
    "starved": Ending(kind="idle", finding="starves", doc="end starved: idle too long without reaching food"),
    "won": Ending(kind="won", finding="fills_board", doc="end with a full board"),
}
"""What each of `CAUSES` tells about a player."""

Kind = Literal["moves", "move", "test", "measure", "other"]
KINDS: Final[dict[str, Kind]] = {"list[int]": "moves", "int | None": "move", "bool": "test", "int": "measure"}
"""The purpose of a toolkit function, by the type that it returns."""


@cache
def toolkit_source() -> str:
    """Return the source of `toolkit`, as it ships with the sandbox's worker."""
    return resources.files("ouroloop.envs.snake").joinpath("toolkit.py").read_text(encoding="utf-8")


@cache
def toolkit_functions() -> tuple[ToolkitFunction, ...]:
    """Return what the source says about its public functions."""
    return tuple(
        ToolkitFunction(
            name=node.name,
            signature=f"({', '.join(arg.arg for arg in node.args.args)}) -> {ast.unparse(cast(ast.expr, node.returns))}",
            doc=cast(str, ast.get_docstring(node)).splitlines()[0],
            kind=KINDS[ast.unparse(cast(ast.expr, node.returns))],
        )
        for node in ast.parse(toolkit_source()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    )


def snake_engine(engine: Engine) -> SnakeEngine:
    """Return the engine if it is of this game.

    Raises:
        TypeError: it is another game's engine.
    """
    if not isinstance(engine, SnakeEngine):
        raise TypeError(f"engine of type {type(engine).__name__}, expected a SnakeEngine: use the task that made it")
    return engine


class SnakeSettings(Frozen):
    """The settings of a recipe's `[task]` table; `SnakeTask` says what they mean."""

    size: int = 6
    walls: float = 0.0
    wall_map: tuple[str, ...] | None = None
    food: str = "uniform"
    start_length: int = 3
    idle_limit: int | None = None


class SnakeTask:
    """Snake on `size` x `size` boards.

    Args:
        size: side of the board, 4 to 128.
        walls: share of the cells that become walls, 0 to 0.25; fewer if more would cut the board in two.
        wall_map: walls that every game has, instead of a share: lines of `#` and `.`.
        food: `uniform`, or `clustered`: near the last meal.
        start_length: of the snake, 1 to `size`.
        idle_limit: a game starves after this many steps without food; None for cells plus length.

    Raises:
        UsageError: the board or the settings cannot be played.
    """

    Settings: ClassVar[type[SnakeSettings]] = SnakeSettings

    def __init__(
        self,
        size: int = 6,
        walls: float = 0.0,
        wall_map: str | Sequence[str] | None = None,
        food: str = "uniform",
        start_length: int = 3,
        idle_limit: int | None = None,
    ) -> None:
        """Check the settings and describe the game."""
        self.size = checked_size(size)
        self.settings = checked_settings(
            size, walls=walls, wall_map=wall_map, food=food, start_length=start_length, idle_limit=idle_limit
        )
        self.name: str = "snake"
        self.actions: tuple[str, ...] = ("up", "down", "left", "right")
        self.causes: tuple[str, ...] = CAUSES
        self.endings: Mapping[str, Ending] = ENDINGS
        self.score_bound: int | None = self._score_bound()
        self.best_score: int | None = None if self.settings.walls else self.score_bound  # such walls differ from game to game
        self.features: Mapping[str, str] = FEATURES
        self.toolkit: tuple[ToolkitFunction, ...] = toolkit_functions()
        self.toolkit_source: str = toolkit_source()
        self.start_controller: str = START_CONTROLLER
        self.encodings: tuple[str, ...] = tuple(ENCODINGS)

    def _score_bound(self) -> int:
        """Return the free cells beyond the start length, with no wall but those of a map."""
        walls = 0 if self.settings.wall_map is None else int(self.settings.wall_map.sum())
        return self.size**2 - walls - self.settings.start_length

    @property
    def oracle(self) -> SnakeTask:
        """The oracle: the game itself rates moves."""
        return self

    @property
    def teachers(self) -> SnakeTask:
        """The teachers: the game itself has them."""
        return self

    @property
    def symmetry(self) -> BoardSymmetry:
        """The symmetries of the square."""
        return BoardSymmetry()

    def encoding(self, name: str) -> Encoding:
        """Return an encoding of these boards; raises UsageError if it is unknown, or the board is too large for it."""
        return encoding_of(name, self.size)

    @property
    def sight(self) -> BoardSight:
        """The classes of a board's cells."""
        from ouroloop.envs.snake.sight.board import BoardSight

        return BoardSight(self.size)

    @property
    def drawing(self) -> SnakeDrawing:
        """Drawings of boards in colours."""
        from ouroloop.envs.snake.drawing.show import SnakeDrawing

        return SnakeDrawing(self.actions)

    def engine(self, seeds: NDArray[np.uint64]) -> SnakeEngine:
        """Return fresh games, one per seed: (B,) uint64."""
        return SnakeEngine(seeds, self.size, self.settings)

    def positions(self, seed: int, count: int) -> SnakeEngine:
        """Return `count` unfinished positions from a noisy teacher's games, with snake lengths spread evenly.

        Each game has a target length. It contributes its last position, some moves after a meal, whose snake is no longer
        than that; a game that ends before its target contributes one from before its end. `EFFORT` limits the play, so
        boards that are too large to fill within it have few positions of the late phase.
        """
        cells = self.size * self.size
        rng = np.random.default_rng(seed % 2**64)
        games = self.engine(rng.integers(0, 2**64, count, dtype=np.uint64))
        start = self.settings.start_length
        goals = start + np.arange(count) * (games.room - start) // max(1, count)
        kept, rows = games.clone(np.arange(count)), np.arange(count)
        wait, noise = rng.integers(0, 2 * self.size, count), NOISE * rng.random(count) ** 3
        for _ in range(min(40 * cells, EFFORT // (cells * max(1, count)))):
            lengths = games.lengths
            ripe = ~games.done & (lengths <= goals[rows]) & (games.idle == wait[rows])
            kept.overwrite(rows[ripe], games.clone(np.flatnonzero(ripe)))
            wait[rows[ripe]] = rng.integers(0, 2 * self.size, int(ripe.sum()))
            over = games.done | (lengths > goals[rows]) | (ripe & (lengths == goals[rows]))
            goals[rows[over]] = 0
            if 2 * over.sum() >= len(over):  # continue with the unfinished games alone
                left = np.flatnonzero(~over)
                games, rows = games.clone(left), rows[left]
            if not len(rows):
                break
            games.step(self._noisy(games, noise[rows], rng))
        return kept

    def _noisy(self, games: SnakeEngine, noise: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int8]:
        """Return a safe teacher's moves, each replaced at its rate in `noise` by another move that keeps the snake safe."""
        moves = self.teach("cycle", games)
        stray = np.flatnonzero(rng.random(games.games) < noise)
        rating = rng.random((len(stray), 4)) + 9 * (self.regret(games.clone(stray)) > oracle.ASTRAY)
        moves[stray] = rating.argmin(axis=1)
        return moves

    def regret(self, engine: Engine) -> NDArray[np.float32]:
        """Return the oracle's regret of each move: (B, 4) float32; see `oracle.regret`."""
        return oracle.regret(snake_engine(engine))

    def progress(self, engine: Engine) -> NDArray[np.float32]:
        """Return (B,) float32 in [0, 1]: how far the snake has grown from the start length to a full board."""
        games = snake_engine(engine)
        start = self.settings.start_length
        return np.asarray((games.lengths - start) / np.maximum(1, games.room - start), dtype=np.float32)

    def reward(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return +1 for food, -1 for a death or starvation, else 0: features (..., F) -> (...,) float32."""
        ate, died, starved = (features[..., NAMES.index(name)] for name in ("ate", "died", "starved"))
        return np.asarray(ate - np.maximum(died, starved), dtype=np.float32)

    def teach(self, name: str, engine: Engine) -> NDArray[np.int8]:
        """Return the named teacher's moves: (B,) int8. Raises UsageError if there is no such teacher."""
        return teachers.teach(name, snake_engine(engine))

    def equal_moves(self, name: str, engine: Engine, moves: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return which moves the named teacher holds to be as good as the given ones, which are its own: (B, 4) bool."""
        return teachers.all_equal_moves(name, snake_engine(engine), moves)

    def rollout(self, teacher: str, seeds: NDArray[np.uint64]) -> Outcomes:
        """Let a teacher play one game per seed to its end, compiled, on all processors; see `rollout.rollout`."""
        return rollout.rollout(teacher, seeds, self.size, self.settings)

    def render(self, observations: Observations, cell_px: int = 8) -> NDArray[np.uint8]:
        """Return RGB pictures: (B, size * cell_px, size * cell_px, 3) uint8."""
        return render.render(observations, cell_px)

    def ansi(self, observations: Observations, row: int) -> str:
        """Return one observation as text."""
        return render.ansi(observations, row)
