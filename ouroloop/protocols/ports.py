"""The ports: what one part may ask of another. They are structural types; implementations inherit nothing.

The module is long because it is the one list of them: who writes a game, a sandbox or a role finds every clause here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from ouroloop.protocols.encoding import Encoding
from ouroloop.protocols.records import Ending, Moment, Observations, Outcomes, Spent, ToolkitFunction

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console, RenderableType

    from ouroloop.protocols.messages import Trial


class Engine(Protocol):
    """A batch of B games that advance together. Each game depends on its own seed and moves alone."""

    @property
    def games(self) -> int:
        """B."""
        ...

    @property
    def done(self) -> NDArray[np.bool_]:
        """(B,) bool: finished games; a step leaves them unchanged."""
        ...

    def observations(self, rows: NDArray[np.int64] | None = None) -> Observations:
        """Return the observations of the given rows (all by default), in that order, as a copy."""
        ...

    def step(self, actions: NDArray[np.integer]) -> None:
        """Advance every unfinished game by actions: (B,) integers; entries of finished games are ignored."""
        ...

    def step_features(self, actions: NDArray[np.integer]) -> NDArray[np.float32]:
        """Advance like `step` and return the transitions' reward features: (B, F) float32, zero for finished games.

        The columns are in the order of the task's `features`.
        """
        ...

    def outcomes(self) -> Outcomes:
        """Return how the games ended, or how they stand now."""
        ...

    def clone(self, rows: NDArray[np.int64]) -> Engine:
        """Return a new batch of copies of these rows, which may repeat; a copy has the same randomness ahead."""
        ...


class Oracle(Protocol):
    """Knows how good each move is. Without an oracle, a game's candidates are judged by games alone, with no A* screen."""

    def regret(self, engine: Engine) -> NDArray[np.float32]:
        """Return the regret of each move: (B, A) float32 in [0, 1]; 0 best, 1 loses at once."""
        ...


class Teachers(Protocol):
    """Players that come with a game, by name."""

    def teach(self, name: str, engine: Engine) -> NDArray[np.int8]:
        """Return the named teacher's moves: (B,) int8. Raises UsageError for an unknown teacher."""
        ...

    def equal_moves(self, name: str, engine: Engine, moves: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return the moves that the named teacher rates as highly as its own given moves: (B, A) bool."""
        ...

    def rollout(self, teacher: str, seeds: NDArray[np.uint64]) -> Outcomes:
        """Let a teacher play one game per seed, (G,) uint64, to the end. Raises UsageError for an unknown teacher."""
        ...


class Symmetry(Protocol):
    """How a game's positions are rotated and mirrored, so that one lesson becomes several."""

    @property
    def count(self) -> int:
        """The number of symmetries, identity included; each symmetry is a number below it."""
        ...

    def check(self, teacher: str) -> None:
        """Raise UsageError for a teacher that does not play a position and its image alike."""
        ...

    def images(self, observations: Observations, which: NDArray[np.integer]) -> Observations:
        """Return the images of B positions, each under its own symmetry: `which` is (B,)."""
        ...

    def targets(self, targets: NDArray[np.float32], which: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return targets, one value per action, as they are for the images: (B, A) float32."""
        ...


class Drawing(Protocol):
    """How a game is shown to people. A game without a drawing is shown by its text and its pictures."""

    def facts(self, moment: Moment) -> Mapping[str, int]:
        """Return the facts to show with a moment besides its score and step, e.g. `{"length": 4}`."""
        ...

    def ending(self, cause: str) -> str:
        """Return how a game ended, in words."""
        ...

    def live(self, moment: Moment, console: Console, title: str) -> RenderableType:
        """Return a moment in a form that rich prints, as large as the console allows."""
        ...

    def gif(self, moments: Sequence[Moment], pauses_ms: Sequence[int]) -> bytes:
        """Return the bytes of a GIF that loops for ever, with a frame for each of at least one moment."""
        ...

    def png(self, moments: Sequence[Moment]) -> bytes:
        """Return the bytes of a PNG that shows at least one moment, side by side and large."""
        ...


class Reading(Protocol):
    """B positions that were read from pictures."""

    @property
    def repaired(self) -> NDArray[np.bool_]:
        """(B,) bool: positions whose most probable cells contradicted each other, and so were repaired."""
        ...

    def __len__(self) -> int:
        """Return B."""
        ...

    def exact(self, truth: Observations) -> NDArray[np.bool_]:
        """Return (B,) bool: positions in which everything visible was read correctly."""
        ...

    def into(self, observations: Observations) -> Observations:
        """Return the observations with the visible parts replaced by what was read; the rest stays."""
        ...


class Sight(Protocol):
    """What the pictures of `Task.render` show, cell by cell: all that eyes need to know of the game.

    A picture consists of cells, each with one of a few sprites. A sheet has all sprites of a look: (S, cell_px, cell_px, 3)
    uint8.
    """

    side: int
    """Cells per side."""
    classes: int
    """Number of kinds of cell."""
    looks: tuple[str, ...]
    """Names of the looks that may be trained on; the first is that of `Task.render`."""
    held_out: tuple[str, ...]
    """Names of looks that no training of eyes draws, so that eyes can be measured on looks that they have never seen."""
    glyphs: str
    """The sign of each class in texts that are read from pictures."""
    phrases: tuple[str, ...]
    """Names in words of what can be seen, e.g. `the apple`."""
    unseen: tuple[str, ...]
    """The columns of one number each that no picture shows, because they are memory."""
    encoding: str
    """The game's encoding that writes a board as it looks, a sign per cell; empty if there is none."""

    def label(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the class of each cell: (B, side * side) uint8."""
        ...

    def vary(self, observations: Observations, rng: np.random.Generator) -> Observations:
        """Return the positions as other settings of the game would show them, so that one reader serves all settings."""
        ...

    def nudge(self, observations: Observations, rng: np.random.Generator) -> Observations:
        """Return valid positions of which each shows one to three other cells than the given one, if it can."""
        ...

    def sheet(self, look: str, cell_px: int) -> NDArray[np.uint8]:
        """Return the sheet of a look: (S, cell_px, cell_px, 3) uint8. Raises UsageError for an unknown look."""
        ...

    def random_sheet(self, cell_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the sheet of a look drawn at random: (S, cell_px, cell_px, 3) uint8."""
        ...

    def compose(self, observations: Observations, sheets: NDArray[np.uint8], which: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return pictures from sheets (K, S, cell_px, cell_px, 3), of which board b uses number `which[b]`.

        The result is (B, side * cell_px, side * cell_px, 3) uint8.
        """
        ...

    def focus(self, observations: Observations) -> NDArray[np.int64]:
        """Return the cell around which a player looks: (B,)."""
        ...

    def captions(self, observations: Observations) -> list[str]:
        """Return a text per position that tells everything that its picture shows."""
        ...

    def marked(self, phrase: str, observations: Observations) -> NDArray[np.bool_]:
        """Return the cells that one of `phrases` names: (B, side * side) bool."""
        ...

    def decode(self, probabilities: NDArray[np.float32]) -> Reading:
        """Return the positions that the class probabilities, (B, side * side, classes) float32, describe."""
        ...


class Task(Protocol):
    """Everything that a game supplies. Gate, roles, sandbox, ledger and pages know a game by this port alone.

    `envs.conformance` checks a game against it; `docs/games.md` says how to write one.
    """

    name: str
    actions: tuple[str, ...]
    """Action names; the index is the action."""
    causes: tuple[str, ...]
    """The ways in which a game can end; `Outcomes.cause` is an index into them."""
    endings: Mapping[str, Ending]
    """Cause -> what such an end says of the player. A cause without an entry is a loss of unknown kind."""
    best_score: int | None
    """The highest possible score; None if it is unknown, or differs from game to game."""
    score_bound: int | None
    """A score that no game can exceed, even if none can reach it; None if there is no bound. Intervals rest on it."""
    features: Mapping[str, str]
    """Reward features of a transition: name -> one line that says what it measures, with its range."""
    toolkit: tuple[ToolkitFunction, ...]
    toolkit_source: str
    """Python source of the `toolkit` module that ships with the worker.

    Anything that it keeps between calls must follow from the arguments alone. If it has a function `_forget`, the worker
    calls it before each observation, so that nothing kept about one observation reaches the next.
    """
    start_controller: str
    """Python source of the first `controller.py`: the plain argmax of the logits."""
    encodings: tuple[str, ...]
    """Names of the encodings that language models may read; the first is the default."""

    @property
    def oracle(self) -> Oracle | None:
        """The oracle; None if the game has none."""
        ...

    @property
    def teachers(self) -> Teachers | None:
        """The teachers; None if the game has none."""
        ...

    @property
    def symmetry(self) -> Symmetry | None:
        """The symmetry of its positions; None if the game has none."""
        ...

    @property
    def drawing(self) -> Drawing | None:
        """How it is shown; None if text and pictures must do."""
        ...

    @property
    def sight(self) -> Sight | None:
        """What its pictures show; None if no reader can be trained for them."""
        ...

    def encoding(self, name: str) -> Encoding:
        """Return an encoding by name. Raises UsageError if it is unknown, or cannot write this game's settings."""
        ...

    def engine(self, seeds: NDArray[np.uint64]) -> Engine:
        """Return fresh games, one per seed."""
        ...

    def positions(self, seed: int, count: int) -> Engine:
        """Return `count` unfinished positions, spread over the phases of the game, as a batch to clone from."""
        ...

    def progress(self, engine: Engine) -> NDArray[np.float32]:
        """Return how far each game has progressed: (B,) float32 in [0, 1]. Its thirds are the phases of a game."""
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
    """A controller that is loaded into a sandbox and answers batches until it is closed."""

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
    """A place where hostile controllers run, and receive nothing but observations and logits."""

    name: str

    def open(self, source: str) -> Session:
        """Load a controller.

        Raises:
            CandidateFault: the controller could not be loaded, or defines no `act`.
            SurroundingsError: the sandbox itself is missing.
        """
        ...

    def close(self) -> None:
        """End every worker of this sandbox; safe to call twice."""
        ...


class Eye(Protocol):
    """Sees positions as pictures and turns them into a grid of latents, which a policy can read in place of an encoding."""

    name: str
    width: int
    """Numbers of a latent."""

    def grid(self, observations: Observations) -> tuple[int, int]:
        """Return the rows and columns of latents that these positions give."""
        ...

    def see(self, observations: Observations) -> NDArray[np.float32]:
        """Return the latents: (B, rows, columns, width) float32, each number within about [-4, 4].

        Observations with a `scene` are seen as the scene is.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write everything that makes this eye into a folder that does not exist yet."""
        ...


class Spending(Protocol):
    """How a run's error budget is spent on its tests. A test's level may depend only on the tests before it."""

    name: str
    controls: str
    """The error that the budget bounds, in a few words."""
    alpha: float
    """The budget."""

    def level(self, history: Sequence[Spent]) -> float:
        """Return the level of the next test after these."""
        ...

    def left(self, history: Sequence[Spent]) -> float:
        """Return the budget that remains for all tests after these."""
        ...


class Workshop(Protocol):
    """Where a proposer may try drafts before it proposes. A role with an attribute `workshop` is lent one per question."""

    @property
    def seconds(self) -> float:
        """The time that trials have taken so far; the limit of a role's answer is longer by it."""
        ...

    async def trial(self, place: int, number: int, draft: str) -> Trial:
        """Screen a draft and let it play the games on which the incumbent was observed; these decide nothing later.

        Args:
            place: the number of the proposal that the draft is for, from 0.
            number: the number of the draft among those for this proposal, from 1.
            draft: a patch in any form that the screen reads.

        Raises:
            ModelError: the question is over, or the number is too high.
        """
        ...


class Role(Protocol):
    """An agent. Its author writes only this class; see `examples/`."""

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
