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
        only: sections of a benchmark that has some; all by default.
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


def page(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """How quick the page on long runs is, and what following a run costs it."""
    from ouroloop.bench.page import measure

    return measure(report)


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
    from ouroloop.bench.gate.suite import SECTIONS
    from ouroloop.bench.sections import measure_sections

    return measure_sections(SECTIONS, report, asked.seed, asked.only, keep)


def policy(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """How well policies play and learn."""
    from ouroloop.bench.policy.suite import SECTIONS
    from ouroloop.bench.sections import measure_sections

    return measure_sections(SECTIONS, report, asked.seed, asked.only, keep)


def agents(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """What local language models are worth as designers and patchers."""
    from ouroloop.bench.agents.suite import SECTIONS
    from ouroloop.bench.sections import measure_sections

    return measure_sections(SECTIONS, report, asked.seed, asked.only, keep)


def perception(asked: Options, report: Report, keep: Keep) -> JsonObject:
    """What seeing costs, and how exactly boards are read."""
    from ouroloop.bench.perception.suite import SECTIONS
    from ouroloop.bench.sections import measure_sections

    return measure_sections(SECTIONS, report, asked.seed, asked.only, keep)


AGENTS: Final = (
    "sharing", "smollm2-patch", "smollm2-reward", "gemma-patch", "gemma-reward", "qwen-patch", "qwen-reward",
    "roles", "turns", "bandit",
)  # fmt: skip
"""The sections of `agents`; their module is heavy, so a test holds the names equal."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark.

    Args:
        run: measures it.
        minutes: about how long it takes with default options on two free cores.
        timed: whether it measures in interleaved rounds; the others do a fixed amount of work.
        peers: whether it measures peers beside us.
        sections: the names of its sections, if it has any.
    """

    run: Bench
    minutes: float
    timed: bool = False
    peers: bool = False
    sections: tuple[str, ...] = ()


BENCHES: Final[dict[str, Benchmark]] = {
    "ablation": Benchmark(ablation, 2),
    "agents": Benchmark(agents, 210, sections=AGENTS),
    "encodings": Benchmark(encodings, 5, timed=True),
    "engine": Benchmark(engine, 1, timed=True, peers=True),
    "gate": Benchmark(
        gate,
        40,
        sections=("nulls", "power", "races", "screen", "attribution", "credit", "rollback", "cost", "coverage"),
    ),
    "page": Benchmark(page, 5),
    "perception": Benchmark(perception, 130, sections=("frames", "reader", "play", "latent", "clip", "gemma", "saliency")),
    "plan": Benchmark(plan, 2, timed=True, peers=True),
    "policy": Benchmark(
        policy,
        30,
        sections=("scratch", "shipped", "gain", "throughput", "gpu", "failures", "distill", "quantise", "baselines"),
    ),
    "sandbox": Benchmark(sandbox, 3, timed=True),
    "teachers": Benchmark(teachers, 3),
}


def measure(name: str, asked: Options, report: Report, keep: Callable[[Measured], None]) -> Measured:
    """Run a benchmark.

    Args:
        name: one of `BENCHES`.
        asked: how to measure.
        report: called with the progress.
        keep: called with the figures so far: after each section, and once at the end where there are none.

    Raises:
        UsageError: `only` names a section that the benchmark does not have.
        SurroundingsError: a peer is installed but fails.
    """
    check_sections(name, asked.only)
    bench = BENCHES[name]
    found = Measured(name, bench.run(asked, report, lambda document: keep(Measured(name, document))))
    if not bench.sections:  # they have been kept one by one
        keep(found)
    return found


def takes(name: str, asked: Options) -> str:
    """Return about how long a benchmark takes, in words: rounds, seconds and sections change it."""
    bench = BENCHES[name]
    minutes = bench.minutes
    if bench.timed:
        minutes *= 0.5 + 0.5 * (asked.rounds * asked.seconds) / (DEFAULTS.rounds * DEFAULTS.seconds)
    if asked.only:
        minutes *= len(set(asked.only)) / len(bench.sections)
    return "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes"


def check_sections(name: str, only: tuple[str, ...]) -> None:
    """Refuse sections that a benchmark does not have; raises UsageError."""
    known = BENCHES[name].sections
    if only and not known:
        *having, last = (f"`bench {other}`" for other, bench in BENCHES.items() if bench.sections)
        where = f"{', '.join(having)} and {last}"
        raise UsageError(f"--only names sections of {where}, found it with `bench {name}`, which has none: leave it out")
    for section in only:
        if section not in known:
            raise UsageError(f"`bench {name}` has no section {section!r}; its sections are {', '.join(known)}")
