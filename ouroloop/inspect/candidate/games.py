"""The paired games of a candidate's race: how they ended, in which it did worst, and how these can be played again.

Reading a run runs nothing of it, so no game is played here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from ouroloop.envs.registry import TaskSettings, game_settings
from ouroloop.gate.betting import capitals, e_value
from ouroloop.inspect import document as doc
from ouroloop.ledger.steps import gate
from ouroloop.ledger.steps.key import every, part
from ouroloop.protocols.seeds import game_seeds
from ouroloop.protocols.text import shell_word
from ouroloop.runs.seeds import stream_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ouroloop.inspect.run import Report
    from ouroloop.protocols.records import Build, Kind

SHOWN: Final = 3
"""The number of lost games that are named."""


@dataclass(frozen=True, slots=True)
class PairTold:
    """A pair of a race: its number from 1, the game's seed, both utilities, and the e-value after it."""

    number: int
    seed: int
    candidate: float
    incumbent: float
    e_value: float

    @property
    def gain(self) -> float:
        """The candidate's utility minus the incumbent's."""
        return self.candidate - self.incumbent


def pairs_of(report: Report, round: int, id: str) -> Iterator[doc.LostPair]:
    """Yield all pairs of games that a candidate's race played with it, in order; none if it did not race."""
    ledger = report.ledger
    for key, block in every(ledger, gate.block(round, "patch", 0), f"{round}/gate/*/games/*"):
        if (turn := block.candidates.get(id)) is None:
            continue
        stake = gate.spend(round, cast("Kind", part(key, 2))).read(ledger)
        games = stake.seeds.part(int(part(key, 4)), len(turn.utility))
        seeds = game_seeds(stream_seed(report.recipe, ledger), games.stream, games.first, games.count)
        for seed, mine, theirs in zip(seeds, turn.utility, block.incumbent, strict=False):
            yield {"seed": seed, "candidate": mine, "incumbent": theirs}


def told_pairs(report: Report, round: int, found: doc.Candidate) -> list[PairTold]:
    """Return a candidate's pairs with the e-value after each, computed anew from the recorded utilities."""
    turns = list(pairs_of(report, round, found["id"]))
    if not turns or found["alpha"] is None:
        return []
    rules = report.recipe.gate
    gains = np.array([turn["candidate"] - turn["incumbent"] for turn in turns])
    logs = capitals(gains, alpha=found["alpha"], gain=rules.gain, games=rules.games)
    return [
        PairTold(number, turn["seed"], turn["candidate"], turn["incumbent"], e_value(log))
        for number, (turn, log) in enumerate(zip(turns, logs, strict=True), 1)
    ]


def counted_pairs(report: Report, round: int, id: str, pairs: Sequence[doc.LostPair]) -> doc.Pairs | None:
    """Count pairs by who had the higher utility; None if the candidate did not race."""
    blocks = every(report.ledger, gate.block(round, "patch", 0), f"{round}/gate/*/games/*")
    turns = [block.candidates[id] for _, block in blocks if id in block.candidates]
    if not turns:
        return None
    gains = [pair["candidate"] - pair["incumbent"] for pair in pairs]
    return doc.Pairs(
        better=sum(gain > 0 for gain in gains),
        equal=sum(gain == 0 for gain in gains),
        worse=sum(gain < 0 for gain in gains),
        faults=sum(turn.lost for turn in turns),
    )


def worst(pairs: Sequence[doc.LostPair]) -> list[doc.LostPair]:
    """Return the pairs that a candidate lost by most, the worst first."""
    lost = [pair for pair in pairs if pair["candidate"] < pair["incumbent"]]
    return sorted(lost, key=lambda pair: pair["candidate"] - pair["incumbent"])[:SHOWN]


def replay(report: Report, id: str, games: Sequence[doc.LostPair]) -> str | None:
    """Return the command that plays games again with a candidate; None if `watch` lacks an option for them."""
    build = report.build_of(id)
    return None if build is None or not games else watching(report, build, [game["seed"] for game in games])


def watching(report: Report, build: Build, seeds: Sequence[int]) -> str | None:
    """Return the command that plays games with a build of the run; None if `watch` lacks an option for its board or eyes."""
    board = _board(report.recipe.task)
    if board is None or report.recipe.perception != "json":
        return None
    kept = report.folder / "artifacts"
    player = f"--policy {shell_word(kept / build.policy)} --controller {shell_word(kept / build.controller)}"
    return f"ouroloop watch {player} {board} {' '.join(f'--game {seed}' for seed in seeds)}"


def _board(task: TaskSettings) -> str | None:
    """Return the options of `watch` that give a run's board; None if it lacks one, as for games from elsewhere."""
    own = task.own.model_dump()
    if task.name != TaskSettings().name:
        return None
    options: dict[str, object] = {key: own[key] for key in ("size", "walls") if key in own}
    if dict(game_settings(task.name, options)) != dict(game_settings(task.name, own)):
        return None
    return " ".join(f"--{key} {value}" for key, value in options.items())
