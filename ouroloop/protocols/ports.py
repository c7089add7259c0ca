"""The ports: what one part may ask of another. Structural types; implementations inherit nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from ouroloop.protocols.encoding import Encoding
from ouroloop.protocols.records import Ending, Moment, Observations, Outcomes, Spent, ToolkitFunction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console, RenderableType


class Engine(Protocol):
    """A batch of B games that advance together. A game's course depends on its own seed and moves alone."""

    @property
    def games(self) -> int:
        """B."""
        ...

    @property
    def done(self) -> NDArray[np.bool_]:
        """(B,) bool: finished games; stepping leaves them as they are."""
        ...

    def observations(self, rows: NDArray[np.int64] | None = None) -> Observations:
        """Return the observations of the given rows (all by default), in that order, as a copy."""
        ...

    def step(self, actions: NDArray[np.integer]) -> None:
        """Advance every unfinished game by actions: (B,) integers; entries of finished games are ignored."""
        ...

    def step_features(self, actions: NDArray[np.integer]) -> NDArray[np.float32]:
        """Advance like `step` and return the transition's reward features: (B, F) float32, zero where finished.

        Columns are in the order of the task's `features`.
        """
        ...

    def outcomes(self) -> Outcomes:
        """Return how the games ended or stand."""
        ...

    def clone(self, rows: NDArray[np.int64]) -> Engine:
        """Return a new batch made of copies of these rows, with repetition, same randomness ahead."""
        ...


class Oracle(Protocol):
    """What knows how good each move is. A game that has none is judged by its games alone, without an A* screen."""

    def regret(self, engine: Engine) -> NDArray[np.float32]:
        """Return the regret of each move: (B, A) float32 in [0, 1]; 0 best, 1 loses at once."""
        ...


class Teachers(Protocol):
    """Players that come with a game, by name."""

    def teach(self, name: str, engine: Engine) -> NDArray[np.int8]:
        """Return the named teacher's moves: (B,) int8. Raises UsageError for an unknown teacher."""
        ...

    def equal_moves(self, name: str, engine: Engine, moves: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return which moves the named teacher holds to be as good as the given ones of its own: (B, A) bool."""
        ...

    def rollout(self, teacher: str, seeds: NDArray[np.uint64]) -> Outcomes:
        """Let a teacher play one game per seed, (G,) uint64, to its end. Raises UsageError for an unknown teacher."""
        ...


class Symmetry(Protocol):
    """How positions of a game are turned and mirrored, so that one lesson becomes several."""

    @property
    def count(self) -> int:
        """Symmetries, the identity included; each is a number below it."""
        ...

    def check(self, teacher: str) -> None:
        """Refuse a teacher who does not play a position and its image alike; raises UsageError."""
        ...

    def images(self, observations: Observations, which: NDArray[np.integer]) -> Observations:
        """Return the images of B positions under the symmetries (B,)."""
        ...

    def targets(self, targets: NDArray[np.float32], which: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return what (B, A) float32, one value per action, is in the images."""
        ...


class Drawing(Protocol):
    """How a game is shown to people. One that has none is shown by its text and its pictures."""

    def facts(self, moment: Moment) -> Mapping[str, int]:
        """Return what is told of a moment beside its score and its step, e.g. `{"length": 4}`."""
        ...

    def ending(self, cause: str) -> str:
        """Return in words how a game ended."""
        ...

    def live(self, moment: Moment, console: Console, title: str) -> RenderableType:
        """Return a moment as something that rich prints, as large as fits the console."""
        ...

    def gif(self, moments: Sequence[Moment], pauses_ms: Sequence[int]) -> bytes:
        """Return the bytes of a GIF that runs for ever, a frame for each moment, at least one."""
        ...


class Reading(Protocol):
    """B positions as they were read out of pictures."""

    @property
    def repaired(self) -> NDArray[np.bool_]:
        """(B,) bool: positions whose most probable cells contradicted each other."""
        ...

    def __len__(self) -> int:
        """Return B."""
        ...

    def exact(self, truth: Observations) -> NDArray[np.bool_]:
        """Return (B,) bool: positions of which all that can be seen was read as it is."""
        ...

    def into(self, observations: Observations) -> Observations:
        """Return observations with what was read in place of what was true; what no picture shows stays."""
        ...


class Sight(Protocol):
    """What a game's pictures, by `Task.render`, say cell by cell; all that a reader has to know of the game."""

    side: int
    """Cells a side."""
    classes: int
    """Kinds of cell."""

    def label(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the class of each cell: (B, side * side) uint8."""
        ...

    def vary(self, observations: Observations, rng: np.random.Generator) -> Observations:
        """Return positions with what other settings of the game would show, so that one reader serves them all."""
        ...

    def decode(self, probabilities: NDArray[np.float32]) -> Reading:
        """Return the positions that class probabilities, (B, side * side, classes) float32, stand for."""
        ...


class Task(Protocol):
    """What a game supplies. Gate, roles, sandbox, ledger and pages know a game by this port alone.

    `envs.conformance` holds a game to it; `docs/games.md` says how to write one.
    """

    name: str
    actions: tuple[str, ...]
    """Action names; the index is the action."""
    causes: tuple[str, ...]
    """How a game can end; `Outcomes.cause` indexes it."""
    endings: Mapping[str, Ending]
    """Cause -> what such an end says of the player. A cause that is not here is a loss of unknown kind."""
    best_score: int | None
    """The highest score possible; None where it is not known, or differs from game to game."""
    features: Mapping[str, str]
    """Reward features of a transition: name -> one line of what it measures, with its range."""
    toolkit: tuple[ToolkitFunction, ...]
    toolkit_source: str
    """Python source of the `toolkit` module that ships with the worker.

    What it keeps between calls must follow from the arguments alone. If it has a function `_forget`, the worker calls it before
    each observation, so that nothing kept about one reaches the next.
    """
    start_controller: str
    """Python source of the first `controller.py`: the plain argmax of the logits."""
    encodings: tuple[str, ...]
    """Names of the encodings that language models may read; the first is the default."""

    @property
    def oracle(self) -> Oracle | None:
        """The oracle; None where the game has none."""
        ...

    @property
    def teachers(self) -> Teachers | None:
        """The teachers; None where the game has none."""
        ...

    @property
    def symmetry(self) -> Symmetry | None:
        """The symmetry of its positions; None where the game has none."""
        ...

    @property
    def drawing(self) -> Drawing | None:
        """How it is shown; None where text and pictures have to do."""
        ...

    @property
    def sight(self) -> Sight | None:
        """What its pictures say; None where no reader can be trained for them."""
        ...

    def encoding(self, name: str) -> Encoding:
        """Return an encoding by name. Raises UsageError for an unknown one, or one that cannot write this game's settings."""
        ...

    def engine(self, seeds: NDArray[np.uint64]) -> Engine:
        """Return fresh games, one per seed."""
        ...

    def positions(self, seed: int, count: int) -> Engine:
        """Return `count` positions spread over the phases of the game, unfinished, as a batch to clone from."""
        ...

    def progress(self, engine: Engine) -> NDArray[np.float32]:
        """Return how far each game has come: (B,) float32 in [0, 1]. The phases of a game are its thirds."""
        ...

    def reward(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the game's own reward of transitions: features (..., F) -> (...,) float32."""
        ...

    def render(self, observations: Observations, cell_px: int = 8) -> NDArray[np.uint8]:
        """Return RGB pictures: (B, H, W, 3) uint8."""
        ...

    def ansi(self, observations: Observations, row: int) -> str:
        """Return one observation as text."""
        ...


class Policy(Protocol):
    """Something that looks at observations and rates the actions."""

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return (B, A) float32, higher is better."""
        ...


@runtime_checkable
class Session(Protocol):
    """A controller that was loaded into a sandbox and answers batches until it is closed."""

    def act(self, observations: Observations, logits: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return the controller's actions: (B,) int8.

        Raises:
            CandidateFault: the controller failed, hung, or broke the protocol. The session is dead from then on.
        """
        ...

    def close(self) -> None:
        """End the worker; safe to call twice."""
        ...


@runtime_checkable
class Sandbox(Protocol):
    """A place where hostile controllers run and get nothing but observations and logits."""

    name: str

    def open(self, source: str) -> Session:
        """Load a controller.

        Raises:
            CandidateFault: the controller could not be loaded, or defines no `act`.
            SurroundingsError: the sandbox itself is not there.
        """
        ...

    def close(self) -> None:
        """End every worker of this sandbox; safe to call twice."""
        ...


class Spending(Protocol):
    """How a run's budget of error is spent over its tests. The level of a test may depend on what came before it alone."""

    name: str
    controls: str
    """What the budget bounds, in a few words."""
    alpha: float
    """The budget."""

    def level(self, history: Sequence[Spent]) -> float:
        """Return the level of the test that comes after these."""
        ...

    def left(self, history: Sequence[Spent]) -> float:
        """Return what remains for all tests after these."""
        ...


class Role(Protocol):
    """An agent. Its author writes this class and nothing else; see `examples/`."""

    name: str
    method: ClassVar[str]
    """The JSON-RPC method that it answers, one of `protocols.messages.METHODS`."""
    Config: ClassVar[type[BaseModel]]
    Request: ClassVar[type[BaseModel]]
    Reply: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None:
        """Take the validated `Config`."""
        ...

    async def act(self, request: Any) -> BaseModel:
        """Answer one request with a `Reply`; raise any exception to fail."""
        ...
