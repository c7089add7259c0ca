"""The records that parts exchange: frozen data, with no behaviour beyond what follows from their own fields.

The module is long because it is the one vocabulary of all parts: most records are fields and what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["reward_refresh", "bug_fix", "reward_patch", "meta_learn"]
Kind = Literal["reward", "patch", "both"]
Outcome = Literal["accepted", "rejected", "rolled_back"]
KINDS: dict[Mode, tuple[Kind, ...]] = {
    "reward_refresh": ("reward",),
    "bug_fix": ("patch",),
    "reward_patch": ("reward",),
    "meta_learn": ("reward", "patch"),
}
"""Mode -> the kinds of candidates that it asks for."""
Row: TypeAlias = "dict[str, int | float | list[int] | list[float]]"
"""One observation as a controller sees it: numbers and lists of numbers, under the game's names for them."""

SCREEN_LAYERS = ("text", "bytes", "path", "ast", "bandit", "sandbox", "protocol", "contract")
"""Layers before the gate, in the order of `ouroloop screen`."""
LAYERS = (
    *SCREEN_LAYERS,
    "schema",
    "finite",
    "bounded",
    "complexity",
    "gameable",
    "halving",
    "training",
    "oracle",
    "gate",
    "approval",
    "watch",
)
"""Every layer that may decide a verdict."""


class Frozen(BaseModel):
    """A record that arrives as bytes: it is frozen, and an unknown key is an error, as is a number that JSON cannot hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A chat model's call of a function that it was offered: its name, the arguments as the model's JSON, the call's id."""

    name: str
    arguments: str
    id: str = ""

    @property
    def characters(self) -> int:
        """Its length."""
        return len(self.name) + len(self.arguments) + len(self.id)


class RewardTerm(Frozen):
    """One term: `weight * clip(expr)`, with `expr` clipped to [-clip, clip]."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    expr: str = Field(min_length=1, max_length=200)
    weight: float = Field(ge=-10, le=10)
    clip: float = Field(default=1.0, gt=0, le=100)


class Anneal(Frozen):
    """The schedule of `gamma_r` over training progress in [0, 1]: linear warm-up, then constant, then linear decay."""

    warmup: float = Field(default=0.0, ge=0, le=1)
    decay: float = Field(default=0.0, ge=0, le=1)


def _unset(value: object) -> bool:
    return value is None


class Loss(Frozen):
    """What a reward changes of the loss that trains under it; None leaves a setting as the recipe's `[grpo]` has it.

    Args:
        beta: weight of the KL to the policy from which the training starts; never 0, so that the KL stays measured and
            watched.
        entropy: weight of the policy's entropy as a bonus (Schulman et al. 2017, equation 9).
        epsilon_low, epsilon_high: how far below and above 1 a ratio may go before it is clipped.
    """

    beta: float | None = Field(default=None, gt=0, le=1, exclude_if=_unset)
    entropy: float | None = Field(default=None, ge=0, le=0.1, exclude_if=_unset)
    epsilon_low: float | None = Field(default=None, gt=0, lt=1, exclude_if=_unset)
    epsilon_high: float | None = Field(default=None, gt=0, le=1, exclude_if=_unset)


class RewardSpec(Frozen):
    """A reward as data: `r_total = r_env + gamma_r * sum(terms)`, and what changes of the loss under it."""

    terms: tuple[RewardTerm, ...] = Field(default=(), max_length=16)
    gamma_r: float = Field(default=0.2, ge=0, le=1)
    anneal: Anneal = Anneal()
    loss: Loss = Field(default=Loss(), exclude_if=lambda loss: loss == Loss())

    def gamma_at(self, progress: float) -> float:
        """Return `gamma_r` at a training progress in [0, 1]."""
        up = min(1.0, progress / self.anneal.warmup) if self.anneal.warmup else 1.0
        down = min(1.0, (1 - progress) / self.anneal.decay) if self.anneal.decay else 1.0
        return self.gamma_r * max(0.0, min(up, down))


@dataclass(frozen=True, slots=True)
class Build:
    """Everything that makes a player: policy weights, reward spec and controller, each as a content hash.

    The *incumbent* is the build that plays now.
    """

    policy: str
    reward: str
    controller: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change that a role proposes to a build: new code, a new reward (and so new weights), or both.

    Nothing in it has been checked yet.

    Args:
        id: unique in the run: round, kind and number, e.g. `r2-patch3`.
        role: the role that proposed it.
        rationale: the reason for it, one line.
        patch: a diff, or a model's whole reply that contains one; None if the code stays.
        reward: a reward spec as JSON; None if the reward stays.
        fault: why its own role knows that it is none, e.g. a reply that was cut off; the screen rejects it with that reason.
        proposer: the name of its role as a proposer, see `agents.settings.Roles`.
        answers: the candidate whose author's wish it grants: it has that one's patch, and a reward for it.
        origin: the library's entry that it is; see `messages.Known`.
    """

    id: str
    role: str
    rationale: str
    patch: str | None = None
    reward: str | None = None
    fault: str | None = None
    proposer: str = ""
    answers: str = ""
    origin: str = ""

    @property
    def kind(self) -> Kind:
        """The parts that it replaces."""
        if self.reward is None:
            return "patch"
        return "reward" if self.patch is None else "both"


@dataclass(frozen=True, slots=True)
class Effect:
    """Candidate minus incumbent: the mean paired difference of utility, its confidence bounds, and the pairs played."""

    utility: float
    low: float
    high: float
    games: int


@dataclass(frozen=True, slots=True)
class Spent:
    """One test of the run (one race): its level, and whether it accepted a candidate."""

    level: float
    accepted: bool


@dataclass(frozen=True, slots=True)
class SeedRange:
    """Games `first .. first + count - 1` of one of the run's streams of seeds."""

    stream: str
    first: int
    count: int

    def part(self, start: int, count: int) -> SeedRange:
        """Return `count` of these games, starting with number `start` among them."""
        return SeedRange(self.stream, self.first + start, count)


@dataclass(frozen=True, slots=True)
class TTest:
    """A one-sided paired t-test of "better": games, statistic, p-value."""

    games: int
    t: float
    p: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on a candidate, the layer that made it, and the evidence.

    Args:
        outcome: accepted or rejected; a rollback is a record of its own.
        layer: one of `LAYERS`.
        reason: one line.
        effect: the effect measured in paired games; None if none were played.
        e_value: evidence that it is better.
        alpha: the share of the run's error budget that its test had.
        incumbent: the build that it played against.
        training: health figures of its training, for a reward.
        regret: mean regret on the A* bank: the candidate's and the incumbent's.
        seeds: the games that it played against the incumbent.
        t_test: a fixed-size paired t-test on the same games, for comparison; it decides nothing.
        bound: the gain is above this, by the one-sided test that accepted, at level `alpha`; None if it was not accepted.
    """

    outcome: Outcome
    layer: str
    reason: str
    effect: Effect | None = None
    e_value: float | None = None
    alpha: float | None = None
    incumbent: Build | None = None
    training: dict[str, float] | None = None
    regret: tuple[float, float] | None = None
    seeds: SeedRange | None = None
    t_test: TTest | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with a confidence interval."""

    mean: float
    low: float
    high: float


class Ending(Frozen):
    """What the cause of a game's end says about the player.

    Args:
        kind: `won`; `blunder`: a move ended the game; `idle`: the game ended because the moves led to nothing; `over`: the
            end says nothing against the player, such as a time limit.
        finding: the critic's short name for it, e.g. `hits_wall`.
        doc: completes "12 % of 48 games ...".
        trap: if no other last move could have avoided such an end, the player had run into a trap.
    """

    kind: Literal["won", "blunder", "idle", "over"]
    finding: str
    doc: str
    trap: bool = False


@dataclass(frozen=True, slots=True)
class ToolkitFunction:
    """A helper that controllers may import from `toolkit`.

    Args:
        name: its name in the module.
        signature: as Python writes it, e.g. `(observation, move) -> int`.
        doc: the first line of its docstring.
        kind: its use in a controller: `moves` (observation -> moves that qualify), `move` (observation -> one move or
            None), `test` (observation, move -> bool), `measure` (observation, move -> number), `other`.
    """

    name: str
    signature: str
    doc: str
    kind: Literal["moves", "move", "test", "measure", "other"]


@dataclass(frozen=True, slots=True)
class Observations:
    """A batch of B observations in columns; one row is the dict that a controller sees.

    Args:
        constants: keys whose values are equal in all rows, e.g. `size`.
        columns: key -> array, (B,) for a number or (B, W) for a list of numbers; integers stay integers, floats floats.
        lengths: key -> (B,) true length of each ragged row of `columns[key]`; absent if all rows are full.
        scene: the true observations, where perception has replaced the columns by what it read. Only the host's own eyes
            look at it; it is not part of a row, and no controller gets it.
    """

    constants: Mapping[str, int | float]
    columns: Mapping[str, NDArray[np.generic]]
    lengths: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    scene: Observations | None = None

    def __len__(self) -> int:
        """Return B."""
        return len(next(iter(self.columns.values())))

    def take(self, rows: NDArray[np.integer] | Sequence[int] | slice) -> Observations:
        """Return the batch of the given rows, in the given order."""
        return Observations(
            self.constants,
            {k: v[rows] for k, v in self.columns.items()},
            {k: v[rows] for k, v in self.lengths.items()},
            self.scene.take(rows) if self.scene is not None else None,
        )

    def row(self, index: int) -> Row:
        """Return one observation as the controller's dict of plain numbers and lists of numbers."""
        out: Row = dict(self.constants)
        for key, column in self.columns.items():
            value = column[index]
            if column.ndim == 1:
                out[key] = value.item()
            else:
                end = int(self.lengths[key][index]) if key in self.lengths else len(value)
                out[key] = value[:end].tolist()
        return out


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a game that is watched.

    Args:
        seen: the observation, a batch of one.
        game: the number of the game, from 0.
        score: points so far.
        steps: moves made.
        cause: how the game ended; None while it runs.
        action: the move that comes next; None if the game is over.
        odds: the player's probability of each move, summing to 1; a teacher is sure. Empty if the game is over.
        heat: how much each cell speaks for the move, in [0, 1], with 1 for the highest; empty if nobody asked.
        lens: what found the heat, in words.
    """

    seen: Observations
    game: int
    score: int
    steps: int
    cause: str | None
    action: int | None = None
    odds: tuple[float, ...] = ()
    heat: tuple[float, ...] = ()
    lens: str = ""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How B games ended, or how they stand now: all arrays are (B,).

    Args:
        score: points (in Snake, foods eaten), int32.
        steps: moves made, int32.
        won: whether nothing more could be reached (in Snake, a full board), bool.
        path_optimality: how short the paths were, in [0, 1], float64; 1 if the game has no such measure.
        utility: in [0, 1], float64.
        cause: index into the task's `causes`, int8; -1 while a game runs.
    """

    score: NDArray[np.int32]
    steps: NDArray[np.int32]
    won: NDArray[np.bool_]
    path_optimality: NDArray[np.float64]
    utility: NDArray[np.float64]
    cause: NDArray[np.int8]
