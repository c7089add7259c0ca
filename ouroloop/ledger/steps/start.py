"""The start: the first policy, the eyes, the first incumbent and its score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ouroloop.ledger.steps.key import Key
from ouroloop.protocols.messages import Known
from ouroloop.protocols.records import Build, Estimate


@dataclass(frozen=True, slots=True)
class Given:
    """The files that the recipe names for the start, by content hash; empty where it names none."""

    controller: str = ""
    reward: str = ""


@dataclass(frozen=True, slots=True)
class Library:
    """What other runs accepted, the largest gain first."""

    entries: tuple[Known, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstPolicy:
    """The policy that the run begins with, by content hash."""

    policy: str


@dataclass(frozen=True, slots=True)
class Eyes:
    """The board reader, by content hash."""

    reader: str


@dataclass(frozen=True, slots=True)
class Encoder:
    """The encoder whose latents the policy gets: its kind, and its content hash."""

    kind: str
    encoder: str


@dataclass(frozen=True, slots=True)
class Eye:
    """The eye that the policies look through, an encoder behind a camera, by content hash."""

    eye: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The first incumbent, and its commit."""

    incumbent: Build
    commit: str


@dataclass(frozen=True, slots=True)
class Measures:
    """How a build plays: its score with a 95 % interval, means over the games, and the win rate's 95 % interval."""

    score: Estimate
    win_rate: float
    path_optimality: float
    utility: float
    win_rate_low: float = 0.0
    win_rate_high: float = 1.0


@dataclass(frozen=True, slots=True)
class Scored:
    """An incumbent's measures, and the number of games played: the first one's, or a manual rollback's."""

    played: int
    measures: Measures


LIBRARY: Final = Key("start/library", "run.library", Library)
GIVEN: Final = Key("start/given", "run.keep", Given)
POLICY: Final = Key("start/policy", "policy.train", FirstPolicy)
READER: Final = Key("start/reader", "perception.train", Eyes)
ENCODER: Final = Key("start/encoder", "perception.train", Encoder)
EYE: Final = Key("start/eye", "perception.make", Eye)
BODY: Final = Key("start/body", "run.keep", FirstPolicy)
INCUMBENT: Final = Key("start/incumbent", "run.start", Begun)
SCORE: Final = Key("start/score", "policy.evaluate", Scored)
