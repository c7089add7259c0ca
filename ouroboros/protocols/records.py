"""The records that parts exchange. Frozen data, no behaviour beyond what is derived from their own fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["reward_refresh", "bug_fix", "reward_patch", "meta_learn"]
Kind = Literal["reward", "patch", "both"]
Outcome = Literal["accepted", "rejected", "rolled_back"]

SCREEN_LAYERS = ("text", "bytes", "path", "ast", "bandit", "sandbox", "protocol", "contract")
"""Layers before the gate, in the order of `ouroboros screen`."""
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
    """A reward as data: `r_total = r_env + gamma_r * sum(terms)` (reference document, section 17.4)."""

    terms: tuple[RewardTerm, ...] = Field(default=(), max_length=16)
    gamma_r: float = Field(default=0.2, ge=0, le=1, allow_inf_nan=False)
    anneal: Anneal = Anneal()

    def gamma_at(self, progress: float) -> float:
        """Return `gamma_r` at a training progress in [0, 1]."""
        up = min(1.0, progress / self.anneal.warmup) if self.anneal.warmup else 1.0
        down = min(1.0, (1 - progress) / self.anneal.decay) if self.anneal.decay else 1.0
        return self.gamma_r * max(0.0, min(up, down))


@dataclass(frozen=True, slots=True)
class Patch:
    """One unified diff against the one editable file."""

    diff: str


@dataclass(frozen=True, slots=True)
class Incumbent:
    """What plays now, each part by content hash."""

    policy: str
    reward: str
    controller: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An incumbent with one or more parts replaced, and who proposed it, why, from which diagnosis."""

    id: str
    kind: Kind
    role: str
    rationale: str
    diagnosis: str
    base: Incumbent
    patch: Patch | None = None
    reward: RewardSpec | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Candidate minus incumbent: mean paired difference of utility, its confidence bounds, pairs played."""

    utility: float
    low: float
    high: float
    games: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a candidate, the layer that decided, and the evidence."""

    outcome: Outcome
    layer: str
    reason: str
    effect: Effect | None = None
    e_value: float | None = None
    alpha: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with a confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the incumbent does wrong.

    Args:
        name: a short key that roles may search by, e.g. `hits_body`, `starves`, `detours`, `training_stalled`.
        weight: share of games or of decisions concerned, in [0, 1].
        evidence: one line for a person or a model.
    """

    name: str
    weight: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the incumbent does wrong, from games on search seeds and from the last training.

    Args:
        games: games looked at.
        score: foods eaten per game, with its interval.
        utility: mean utility.
        win_rate: share of boards filled.
        deaths: cause -> share of games; the causes are the task's.
        regret: phase of the game -> mean oracle regret per decision.
        avoidable: share of lost games whose last move the oracle would not have made.
        training: health of the last training (kl, entropy, clip_fraction, zero_variance, reward gain); empty before any.
        findings: what follows from the above, heaviest first.
        transcripts: failures as text, shortest useful form.
    """

    games: int
    score: Estimate
    utility: float
    win_rate: float
    deaths: Mapping[str, float]
    regret: Mapping[str, float]
    avoidable: float
    training: Mapping[str, float]
    findings: tuple[Finding, ...]
    transcripts: tuple[str, ...] = ()


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
        columns: key -> array, (B,) for an integer or (B, W) for a list of integers.
        lengths: key -> (B,) true length of a ragged row of `columns[key]`; absent where rows are full.
    """

    constants: Mapping[str, int]
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

    def row(self, index: int) -> dict[str, int | list[int]]:
        """Return one observation as the controller's dict."""
        out: dict[str, int | list[int]] = dict(self.constants)
        for key, column in self.columns.items():
            value = column[index]
            if column.ndim == 1:
                out[key] = int(value)
            else:
                end = int(self.lengths[key][index]) if key in self.lengths else len(value)
                out[key] = value[:end].tolist()
        return out


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How B games ended (or stand): all arrays (B,).

    Args:
        score: foods eaten, int32.
        steps: moves made, int32.
        won: the board is full, bool.
        path_optimality: in [0, 1], float64.
        utility: in [0, 1], float64.
        cause: index into the task's `causes`, int8; -1 while a game runs.
    """

    score: NDArray[np.int32]
    steps: NDArray[np.int32]
    won: NDArray[np.bool_]
    path_optimality: NDArray[np.float64]
    utility: NDArray[np.float64]
    cause: NDArray[np.int8]
