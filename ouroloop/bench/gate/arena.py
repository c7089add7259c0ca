"""A run without models: ledger, workspace, seeds, races and watch are real; the players are compiled teachers that err.

A controller here is a Python file of settings, which a patch can edit line by line, and the weights are one more setting.
`rollout(teacher, noise=...)` plays what they say, so tens of thousands of real games cost seconds. Nothing else of the gate is
replaced.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.snake.rollout import rollout
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.ledger.parts import LEDGER
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps import gate, start, train
from ouroloop.ledger.steps.propose import Proposed, candidates
from ouroloop.ledger.steps.screen import Screening, screen
from ouroloop.ledger.store import Store
from ouroloop.ledger.workspace import Workspace
from ouroloop.protocols.ports import Sandbox, Task
from ouroloop.protocols.records import Build, Candidate, Observations, Outcomes, RewardSpec, SeedRange, Verdict
from ouroloop.protocols.seeds import game_seeds
from ouroloop.runs.context import Run
from ouroloop.runs.executors.local import Trainers
from ouroloop.runs.phases.apply import apply
from ouroloop.runs.phases.screen import reward_text
from ouroloop.runs.players import Players
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import build_recipe
from ouroloop.runs.seeds import stream_seed

SETTINGS: Final = ("SLIPS", "STUMBLES", "LAPSES", "LATER")
"""Random moves per mille: three kinds that always apply, and one that spares the gate's seeds and starts at some round."""
TEACHER: Final = "greedy"

WEIGHTS: Final = "weights"
"""The file in a policy's directory."""


def controller(salt: int = 0, **settings: int) -> str:
    """Return a controller's source, with the rate of each kind of random move."""
    lines = [f'"""Plays like {TEACHER}, and goes astray now and then."""', "", f"SALT = {salt}"]
    for name in SETTINGS:
        lines += ["", f"# What follows is about {name.lower()}.", f"{name} = {settings.get(name, 0)}", ""]
    lines += ["", "def act(observation, logits):", "    return (SALT + SLIPS + STUMBLES + LAPSES + LATER) % 4", ""]
    return "\n".join(lines)


def weights(slips: int) -> str:
    """Return a stand-in for a policy: how many moves in a thousand are random because of it."""
    return f"WEIGHTS = {slips}"


def kept_weights(store: Store, slips: int) -> str:
    """Keep such a stand-in as a policy's directory, and return its hash."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "policy"
        folder.mkdir()
        (folder / WEIGHTS).write_text(weights(slips))
        return store.put_dir(folder)


def settings_of(source: str) -> dict[str, int]:
    """Return the settings in a source."""
    return {name: int(value) for name, value in re.findall(r"^([A-Z]+) = (\d+)$", source, re.MULTILINE)}


class NoPolicy:
    """Rates all moves alike."""

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return zeros, (B, 4) float32."""
        return np.zeros((len(observations), 4), np.float32)


class NoSession:
    """An empty session, since the teacher plays. When moves are requested for display, all go up."""

    def act(self, observations: Observations, logits: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return zeros, (B,) int8."""
        return np.zeros(len(observations), np.int8)

    def close(self) -> None:
        """Nothing to close."""


@dataclass(slots=True)
class TeacherPlayer:
    """Plays whole games as code and weights say; on the gate's seeds without the `LATER` lapses."""

    source: str
    weights: str
    arena: Arena
    session: NoSession
    policy: NoPolicy
    perceive: None = None
    fault: None = None

    def play(self, task: Task, seeds: list[int]) -> Outcomes:
        """Return how its games on these seeds end."""
        settings, started = settings_of(self.source) | settings_of(self.weights), time.process_time()
        late = 0 if self.arena.stream == "gate" else settings["LATER"]
        noise = (settings["SLIPS"] + settings["STUMBLES"] + settings["LAPSES"] + settings["WEIGHTS"] + late) / 1000
        numbers = np.array(seeds, np.uint64)
        game = cast(SnakeTask, task)
        played = rollout(TEACHER, numbers, game.size, game.settings, noise=noise, salt=settings["SALT"], workers=1)
        self.arena.games_s += time.process_time() - started
        return played


class Arena:
    """Opens these players; takes the place of `Players`.

    It knows the stream of seeds that was requested last, and the CPU seconds of all games.
    """

    def __init__(self, store: Store, seed: Callable[[], int], sandbox: Sandbox) -> None:
        """Keep the store, what gives the seed of the run's games, and the sandbox."""
        self.store, self.seed, self.sandbox, self.stream = store, seed, sandbox, ""
        self.games_s, self.perceive = 0.0, None

    def open(self, build: Build) -> TeacherPlayer:
        """Return a player."""
        policy = (self.store.directory(build.policy) / WEIGHTS).read_text()
        return TeacherPlayer(self.store.text(build.controller), policy, self, NoSession(), NoPolicy())

    def open_or_none(self, build: Build) -> TeacherPlayer:
        """Return a player; every player here can play, so it is never None."""
        return self.open(build)

    def policy(self, digest: str) -> NoPolicy:
        """Return the policy, which is the same for all."""
        return NoPolicy()

    def seeds(self, games: SeedRange) -> list[int]:
        """Return the seeds of games of the run."""
        self.stream = games.stream
        return game_seeds(self.seed(), games.stream, games.first, games.count)


@contextmanager
def arena(
    folder: Path, source: str, *, seed: int, size: int = 6, sandbox: Sandbox | None = None, **settings: Any
) -> Iterator[Run]:
    """Yield a run that has just begun, with a first controller.

    Args:
        folder: the run directory to make.
        source: the first controller.
        seed: the run's.
        size: of the board.
        sandbox: where merged controllers are checked; only rollbacks that keep later patches use it.
        settings: the recipe's gate settings.
    """
    recipe = build_recipe({"name": "arena", "seed": seed, "task": {"size": size}, "threads": 1, "gate": settings})
    folder.mkdir(parents=True)
    with closing(Ledger(folder / LEDGER, "create")) as ledger, closing(Trainers(1)) as trainers:
        store, workspace = Store(folder / "artifacts"), Workspace(folder / "workspace")
        players = cast(Players, Arena(store, lambda: stream_seed(recipe, ledger), cast(Sandbox, sandbox)))
        run = Run(recipe, folder, SnakeTask(size), ledger, store, workspace, players, trainers, {}, Quiet(notes=False))
        reward = reward_text(RewardSpec())
        first = Build(kept_weights(store, 0), store.put_text(reward), store.put_text(source))
        commit = workspace.create(source, reward, first.policy)
        run.step(start.INCUMBENT, {}, lambda: start.Begun(first, commit))
        yield run


def propose(run: Run, round: int, sources: list[str]) -> list[Candidate]:
    """Begin a round: record controllers as candidates that passed the screens, in the given order."""
    found = [Candidate(f"r{round}-patch{i}", "benchmark", "", text) for i, text in enumerate(sources, 1)]
    _record(run, round, found, [_passed(run, c) for c in found])
    return found


def let_in(run: Run, round: int, source: str) -> None:
    """Make a controller the incumbent as if the gate had accepted it."""
    (candidate,) = propose(run, round, [source])
    run.decide(round, candidate, Verdict("accepted", "gate", "let in", incumbent=run.incumbent()))
    apply(run, round, candidate)


def propose_both(run: Run, round: int, source: str, slips: int) -> Candidate:
    """Begin a round with one candidate that brings both a controller and a reward under which its weights were trained."""
    spec = '{"terms":[{"name":"planted","expr":"ate","weight":1.0}],"gamma_r":0.2}'
    found = Candidate(f"r{round}-both1", "benchmark", "", source, spec)
    _record(run, round, [found], [replace(_passed(run, found), reward=run.store.put_text(spec))])
    trained = train.Training(kept_weights(run.store, slips))
    train.train(round, run.recipe.halving.stages - 1, found.id).record(run.ledger, {}, trained)
    return found


def _passed(run: Run, candidate: Candidate) -> Screening:
    assert candidate.patch is not None
    return Screening("passed", controller=run.store.put_text(candidate.patch), diff=run.store.put_text(""))


def _record(run: Run, round: int, found: list[Candidate], passed: list[Screening]) -> None:
    """Record what the phases before the gate would have recorded."""
    run.step(candidates(round), {}, lambda: Proposed(tuple(found)))
    for c, result in zip(found, passed, strict=True):
        screen(round, c).record(run.ledger, {"candidate": c.id}, result)
    profile = gate.BankProfile(0, 0, 0, 0, 0, 0, 0)
    entries = tuple(gate.Ranked(c.id, c.kind, profile, profile) for c in found)
    gate.order(round).record(run.ledger, {}, gate.Ranking(entries))
