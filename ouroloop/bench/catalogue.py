"""The benchmarks by name: the function that measures each, and those that show and draw its figures.

Each entry imports its own parts when it is called, so listing the names costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ouroloop.protocols.canonical import JsonObject
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Group

Report: TypeAlias = Callable[[str, float], None]
"""Called with a description of the current measurement and the share that is done."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure.

    Args:
        peers: folder of the peers' environments.
        rounds: interleaved rounds.
        seconds: for each case in each round.
        seed: of what is simulated (`ablation`, `gate`) or played (`policy`).
        only: sections of `policy`; all by default.
    """

    peers: Path
    rounds: int = 3
    seconds: float = 0.5
    seed: int = 0
    only: tuple[str, ...] = ()


DEFAULTS: Final = Options(Path(".peers"))


class Measured:
    """The result of a benchmark."""

    def __init__(self, name: str, document: JsonObject) -> None:
        """Take a benchmark's name and its figures."""
        self.name, self._document = name, document

    def json(self, indent: int | None = None) -> str:
        """Return the figures as JSON text."""
        return json.dumps(self._document, indent=indent)

    def tables(self) -> Group:
        """Return the figures as tables."""
        from ouroloop.bench.tables import tables

        return tables(self.name, self._document)

    def plot(self, path: Path) -> None:
        """Draw the curves, if there are any, to a PNG file."""
        from ouroloop.bench.growth import plot

        plot(self.name, self._document, path)

    def beside(self, path: Path) -> Measured:
        """Return these sections merged with the other sections of a file, if it exists.

        Raises:
            UsageError: the file is damaged.
        """
        if not path.is_file():
            return self
        try:
            kept = json.loads(path.read_text())
            seconds = {**kept["seconds"], **json.loads(self.json())["seconds"]}
            return Measured(self.name, {**kept, **self._document, "seconds": seconds})
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is no document of `bench {self.name}`: remove it, or choose another --out") from error


Keep: TypeAlias = Callable[[JsonObject], None]
"""Called with the figures so far, for benchmarks that have sections."""
Bench: TypeAlias = Callable[[Options, Report, Keep], JsonObject]


def ablation(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """What the intervals of ablations are worth."""
    from ouroloop.bench.ablation import measure

    return measure(report, seed=asked.seed)


def engine(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """Steps per second of Snake's engine."""
    from ouroloop.bench.snake.engine import measure

    return measure(asked.peers, asked.rounds, asked.seconds, report)


def plan(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """How long finding ways takes."""
    from ouroloop.bench.snake.plan import measure

    return measure(asked.peers, asked.rounds, asked.seconds, report)


def teachers(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """How well the teachers play."""
    from ouroloop.bench.snake.teachers import measure

    return measure(asked.peers, asked.rounds, asked.seconds, report)


def encodings(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """What a board costs as text."""
    from ouroloop.bench.snake.encodings import measure

    return measure(asked.peers, asked.rounds, asked.seconds, report)


def sandbox(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """What the walls cost, and how fast hostile controllers are stopped."""
    from ouroloop.bench.sandbox.suite import measure

    return measure(asked.peers, asked.rounds, asked.seconds, report)


def gate(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """Which candidates get in, and what a decision costs."""
    from ouroloop.bench.gate.suite import measure

    return measure(asked.peers, asked.rounds, asked.seconds, report, asked.seed)


def policy(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """How well policies play and learn."""
    from ouroloop.bench.policy.suite import measure

    return measure(asked.peers, asked.rounds, asked.seconds, report, asked.seed, asked.only, keep)


BENCHES: Final[dict[str, Bench]] = {
    "ablation": ablation,
    "encodings": encodings,
    "engine": engine,
    "gate": gate,
    "plan": plan,
    "policy": policy,
    "sandbox": sandbox,
    "teachers": teachers,
}
TIMED: Final = ("encodings", "engine", "plan", "sandbox")
"""Benchmarks that measure in interleaved rounds; the others play a fixed number of games or simulate a fixed number of runs."""
MINUTES: Final = {"ablation": 1, "encodings": 5, "engine": 1, "gate": 10, "plan": 2, "policy": 30, "sandbox": 3, "teachers": 3}
"""About how long each takes with default options on two free cores."""
WITH_PEERS: Final = ("engine", "plan")
"""Benchmarks that measure peers beside us."""


def measure(name: str, asked: Options, report: Report, keep: Callable[[Measured], None]) -> Measured:
    """Run a benchmark.

    Args:
        name: one of `BENCHES`.
        asked: how to measure.
        report: called with the progress.
        keep: called with the figures so far: after each section of `policy`, and once at the end for the others.

    Raises:
        UsageError: `only` names a section that the benchmark does not have.
        SurroundingsError: a peer is installed but fails.
    """
    check_sections(name, asked.only)
    found = Measured(name, BENCHES[name](asked, report, lambda document: keep(Measured(name, document))))
    if name != "policy":  # its sections have been kept one by one
        keep(found)
    return found


def takes(name: str, asked: Options) -> str:
    """Return about how long a benchmark takes, in words: rounds, seconds and sections change it."""
    minutes = float(MINUTES[name])
    if name in TIMED:
        minutes *= 0.5 + 0.5 * (asked.rounds * asked.seconds) / (DEFAULTS.rounds * DEFAULTS.seconds)
    if asked.only:
        from ouroloop.bench.policy.suite import SECTIONS

        minutes *= len(set(asked.only)) / len(SECTIONS)
    return "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes"


def check_sections(name: str, only: tuple[str, ...]) -> None:
    """Refuse sections for a benchmark other than `policy`, and sections that do not exist; raises UsageError."""
    if not only:
        return
    from ouroloop.bench.policy.suite import SECTIONS

    if name != "policy":
        raise UsageError(f"--only names sections of `bench policy`, found it with `bench {name}`, which has none: leave it out")
    for section in only:
        if section not in SECTIONS:
            raise UsageError(f"`bench policy` has no section {section!r}; its sections are {', '.join(SECTIONS)}")
