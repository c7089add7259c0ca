"""The records that parts exchange. Frozen data, no behaviour beyond what is derived from their own fields."""

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
Row: TypeAlias = "dict[str, int | float | list[int] | list[float]]"
"""One observation as a controller sees it: numbers and lists of numbers, by the names that the game gives them."""

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
    "watch",
)
"""Every layer that may decide a verdict."""


class Frozen(BaseModel):
    """A record that arrives as bytes: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RewardTerm(Frozen):
    """One term: `weight * clip(expr)`, with `expr` clipped to [-clip, clip]."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    expr: str = Field(min_length=1, max_length=200)
    weight: float = Field(ge=-10, le=10, allow_inf_nan=False)
    clip: float = Field(default=1.0, gt=0, le=100, allow_inf_nan=False)


class Anneal(Frozen):
    """The schedule of `gamma_r` over training progress in [0, 1]: linear warm-up, then constant, then linear decay."""

    warmup: float = Field(default=0.0, ge=0, le=1)
    decay: float = Field(default=0.0, ge=0, le=1)


class RewardSpec(Frozen):
    """A reward as data: `r_total = r_env + gamma_r * sum(terms)`."""

    terms: tuple[RewardTerm, ...] = Field(default=(), max_length=16)
    gamma_r: float = Field(default=0.2, ge=0, le=1, allow_inf_nan=False)
    anneal: Anneal = Anneal()

    def gamma_at(self, progress: float) -> float:
        """Return `gamma_r` at a training progress in [0, 1]."""
        up = min(1.0, progress / self.anneal.warmup) if self.anneal.warmup else 1.0
        down = min(1.0, (1 - progress) / self.anneal.decay) if self.anneal.decay else 1.0
        return self.gamma_r * max(0.0, min(up, down))


@dataclass(frozen=True, slots=True)
class Build:
    """What can play: policy weights, reward spec and controller, each a content hash.

    The *incumbent* is the build that plays now.
    """

    policy: str
    reward: str
    controller: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change that a role proposes: a build with its code replaced, its reward and so its weights, or all of them.

    Nothing in it is checked yet.

    Args:
        id: unique in the run: round, kind and number, e.g. `r2-patch3`.
        role: who proposed it.
        rationale: why, one line.
        patch: a diff, or a model's whole reply that holds one; None where the code stays.
        reward: a reward spec as JSON; None where the reward stays.
    """

    id: str
    role: str
    rationale: str
    patch: str | None = None
    reward: str | None = None

    @property
    def kind(self) -> Kind:
        """What it replaces."""
        if self.reward is None:
            return "patch"
        return "reward" if self.patch is None else "both"


@dataclass(frozen=True, slots=True)
class Effect:
    """Candidate minus incumbent: mean paired difference of utility, its confidence bounds, pairs played."""

    utility: float
    low: float
    high: float
    games: int


@dataclass(frozen=True, slots=True)
class Spent:
    """One test of the run, which is a race: the level that it had, and whether it accepted a candidate."""

    level: float
    accepted: bool


@dataclass(frozen=True, slots=True)
class SeedRange:
    """Games `first .. first + count - 1` of one of the run's streams of seeds."""

    stream: str
    first: int
    count: int

    def part(self, start: int, count: int) -> SeedRange:
        """Return `count` of these games, from number `start` of them on."""
        return SeedRange(self.stream, self.first + start, count)


@dataclass(frozen=True, slots=True)
class TTest:
    """A one-sided paired t-test of "better": games, statistic, p-value."""

    games: int
    t: float
    p: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a candidate, the layer that decided, and the evidence.

    Args:
        outcome: accepted or rejected; a rollback is a record of its own.
        layer: one of `LAYERS`.
        reason: one line.
        effect: what the paired games said; None where none were played.
        e_value: evidence that it is better.
        alpha: the share of the run's error budget that its test had.
        incumbent: whom it played against.
        training: health figures of its training, for a reward.
        regret: mean regret on the A* bank: the candidate's and the incumbent's.
        seeds: the games that it played against the incumbent.
        t_test: a fixed-size paired t-test on the same games, for comparison; it decides nothing.
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


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with a confidence interval."""

    mean: float
    low: float
    high: float


class Ending(Frozen):
    """What a cause of an end says of the player.

    Args:
        kind: `won`; `blunder`: a move ended the game; `idle`: the game ended because nothing came of the moves; `over`: an end
            that says nothing against the player, such as a limit of time.
        finding: the critic's short name for it, e.g. `hits_wall`.
        doc: completes "12 % of 48 games ...".
        trap: where such an end was not avoidable by another last move, the player had run into a trap.
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
        doc: its docstring's first line.
        kind: what it can stand for in a controller: `moves` (observation -> moves that qualify), `move` (observation ->
            one move or None), `test` (observation, move -> bool), `measure` (observation, move -> number), `other`.
    """

    name: str
    signature: str
    doc: str
    kind: Literal["moves", "move", "test", "measure", "other"]


@dataclass(frozen=True, slots=True)
class Observations:
    """A batch of B observations in columns; a row of it is the dict that a controller sees.

    Args:
        constants: keys that are equal in all rows, e.g. `size`.
        columns: key -> array, (B,) for a number or (B, W) for a list of numbers; integers stay integers, floats floats.
        lengths: key -> (B,) true length of a ragged row of `columns[key]`; absent where rows are full.
    """

    constants: Mapping[str, int | float]
    columns: Mapping[str, NDArray[np.generic]]
    lengths: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return B."""
        return len(next(iter(self.columns.values())))

    def take(self, rows: NDArray[np.integer] | Sequence[int] | slice) -> Observations:
        """Return the batch of the given rows, in the given order."""
        return Observations(
            self.constants,
            {k: v[rows] for k, v in self.columns.items()},
            {k: v[rows] for k, v in self.lengths.items()},
        )

    def row(self, index: int) -> Row:
        """Return one observation as the controller's dict: plain numbers, and lists of them."""
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
class Outcomes:
    """How B games ended (or stand): all arrays (B,).

    Args:
        score: points, in Snake foods eaten, int32.
        steps: moves made, int32.
        won: nothing more could be reached, in Snake a full board, bool.
        path_optimality: how short the ways were, in [0, 1], float64; 1 where the game has no such measure.
        utility: in [0, 1], float64.
        cause: index into the task's `causes`, int8; -1 while a game runs.
    """

    score: NDArray[np.int32]
    steps: NDArray[np.int32]
    won: NDArray[np.bool_]
    path_optimality: NDArray[np.float64]
    utility: NDArray[np.float64]
    cause: NDArray[np.int8]
