"""An open run, which the phases work with: its recipe, its records and its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from ouroloop.ledger.faults import damaged
from ouroloop.ledger.steps import apply, gate, propose
from ouroloop.ledger.steps.start import POLICY
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.records import Build, Candidate, RewardSpec, Spent, Verdict
from ouroloop.protocols.seeds import derived_seed
from ouroloop.runs.seeds import recipe_seed, stream_seed

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.steps.key import Key
    from ouroloop.ledger.store import Store
    from ouroloop.ledger.workspace import Workspace
    from ouroloop.protocols.ports import Role, Task
    from ouroloop.runs.executors.local import Trainers
    from ouroloop.runs.players import Players
    from ouroloop.runs.progress import Progress
    from ouroloop.runs.recipe import Recipe

R = TypeVar("R")


@dataclass(slots=True)
class Run:
    """Everything that a phase needs."""

    recipe: Recipe
    folder: Path
    task: Task
    ledger: Ledger
    store: Store
    workspace: Workspace
    players: Players
    trainers: Trainers
    roles: dict[str, Role]
    progress: Progress

    def step(self, key: Key[R], params: object, work: Callable[[], R]) -> R:
        """Do a step once; see `Key.once`."""
        return key.once(self.ledger, params, work)

    def result(self, key: Key[R]) -> R:
        """Return a recorded step's result; if it is missing, an invariant is broken."""
        return key.read(self.ledger)

    def find(self, key: Key[R]) -> R | None:
        """Return a recorded step's result, or None."""
        return key.find(self.ledger)

    def incumbent(self) -> Build:
        """Return the build that plays now."""
        *_, (_, last) = apply.changes(self.ledger)
        return last.incumbent

    def salient(self) -> Path | None:
        """Return the directory of the policy whose saliency rewards may speak of, the start's; None if they may not."""
        return self.store.directory(self.result(POLICY).policy) if self.recipe.salience.method else None

    def seed(self, *path: str | int) -> int:
        """Return a 31-bit seed for the generator of a part that works after the start."""
        return derived_seed(stream_seed(self.recipe, self.ledger), *path)

    def start_seed(self, *path: str | int) -> int:
        """Return a 31-bit seed for the generator of a part that makes the start; it follows from the recipe's seed alone."""
        return derived_seed(recipe_seed(self.recipe), *path)

    def reward(self, build: Build) -> RewardSpec:
        """Return a build's reward spec. Raises LedgerError if the artifact is none."""
        try:
            return RewardSpec.model_validate_json(self.store.text(build.reward))
        except ValidationError as error:
            raise damaged(self.store.folder / build.reward, one_line(error)) from error

    def candidates(self, round: int) -> list[Candidate]:
        """Return the round's candidates in the order they were proposed."""
        return list(propose.proposed(self.ledger, round).candidates)

    def undecided(self, round: int) -> list[Candidate]:
        """Return the round's candidates that have no verdict yet."""
        return [c for c in self.candidates(round) if self.find(gate.verdict(round, c.id)) is None]

    def verdict(self, round: int, candidate: Candidate) -> Verdict:
        """Return a recorded verdict."""
        return self.result(gate.verdict(round, candidate.id))

    def decide(self, round: int, candidate: Candidate, verdict: Verdict) -> None:
        """Record a verdict."""
        self.step(gate.verdict(round, candidate.id), {"candidate": candidate.id}, lambda: verdict)

    def reject(self, round: int, candidate: Candidate, layer: str, reason: str) -> None:
        """Record a rejection."""
        self.decide(round, candidate, Verdict("rejected", layer, reason))


def rolled_back(ledger: Ledger) -> dict[str, str]:
    """Return the rolled-back candidates with their reasons, including those rolled back along with another candidate."""
    found: dict[str, str] = {}
    for step in apply.rollbacks(ledger):
        found |= {step.rolled_back: step.reason, **step.chain}
    return found


def spent(ledger: Ledger) -> list[Spent]:
    """Return the level of each race of a run so far, in order, and whether it accepted a candidate."""
    accepted = {candidate for candidate, verdict in gate.verdicts(ledger) if verdict.outcome == "accepted"}
    return [Spent(race.level, bool(accepted.intersection(race.candidates))) for race in gate.stakes(ledger)]


def transcripts(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    """Return the games that show why candidates were rolled back, by the id of the candidate at fault."""
    return {step.rolled_back: step.transcripts for step in apply.rollbacks(ledger)}


def nine_decimals(value: float) -> float:
    """Round a figure to the nine decimals that records hold."""
    return round(float(value), 9)
