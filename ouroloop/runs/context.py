"""An open run: its recipe, its records, its parts. What the phases work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from ouroloop.protocols.records import Build, Candidate, RewardSpec, Spent, Verdict
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.store import Store
    from ouroloop.ledger.workspace import Workspace
    from ouroloop.protocols.ports import Role, Task
    from ouroloop.runs.executors.local import Trainers
    from ouroloop.runs.players import Players
    from ouroloop.runs.progress import Progress
    from ouroloop.runs.recipe import Recipe

VERDICT = TypeAdapter(Verdict)
INCUMBENT_METHODS = ("run.start", "patch.apply", "patch.rollback")
"""Steps whose result names the incumbent from then on."""


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

    def step(self, key: str, method: str, params: dict[str, Any], work: Callable[[], Any]) -> Any:
        """Do a step once; see `Ledger.once`."""
        return self.ledger.once(key, method, params, work)

    def result(self, key: str) -> Any:
        """Return a recorded step's result; a missing one is a broken invariant."""
        step = self.ledger.step(key)
        assert step is not None, f"step {key} is not recorded"
        return step.result

    def incumbent(self) -> Build:
        """Return what plays now."""
        return Build(**standing(self.ledger)[-1]["incumbent"])

    def seed(self, *path: str | int) -> int:
        """Return a 31-bit seed for a part's own generator."""
        return derived_seed(self.recipe.seed, *path)

    def reward(self, incumbent: Build) -> RewardSpec:
        """Return an incumbent's reward spec."""
        return RewardSpec.model_validate_json(self.store.text(incumbent.reward))

    def candidates(self, round: int) -> list[Candidate]:
        """Return the round's candidates in the order they were proposed."""
        return [Candidate(**item) for item in self.result(f"{round}/propose/all")]

    def undecided(self, round: int) -> list[Candidate]:
        """Return the round's candidates that have no verdict yet."""
        return [c for c in self.candidates(round) if self.ledger.step(f"{round}/verdict/{c.id}") is None]

    def verdict(self, round: int, candidate: Candidate) -> Verdict:
        """Return a recorded verdict."""
        return VERDICT.validate_python(self.result(f"{round}/verdict/{candidate.id}"))

    def decide(self, round: int, candidate: Candidate, verdict: Verdict) -> None:
        """Record a verdict."""
        self.step(f"{round}/verdict/{candidate.id}", "run.verdict", {"candidate": candidate.id}, lambda: asdict(verdict))

    def reject(self, round: int, candidate: Candidate, layer: str, reason: str) -> None:
        """Record a rejection."""
        self.decide(round, candidate, Verdict("rejected", layer, reason))


def rolled_back(ledger: Ledger) -> dict[str, str]:
    """Return the candidates that were rolled back, each with the reason, including those that went with another one."""
    found: dict[str, str] = {}
    for step in ledger.steps(methods=("patch.rollback",)):
        found |= {step.result["rolled_back"]: step.result["reason"], **step.result["chain"]}
    return found


def spent(ledger: Ledger) -> list[Spent]:
    """Return the levels of all races of a run so far, in their order, with what they accepted."""
    verdicts = ledger.steps(methods=("run.verdict",))
    accepted = {step.params["candidate"] for step in verdicts if step.result["outcome"] == "accepted"}
    races = [step.result for step in ledger.steps(methods=("gate.spend",))]
    return [Spent(race["level"], bool(accepted.intersection(race["candidates"]))) for race in races]


def transcripts(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    """Return the games that show why candidates were rolled back, by the id of the one at fault."""
    steps = ledger.steps(methods=("patch.rollback",))
    return {step.result["rolled_back"]: tuple(step.result["transcripts"]) for step in steps}


def standing(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the results of the steps that set the incumbent, oldest first."""
    return [step.result for step in ledger.steps(methods=INCUMBENT_METHODS)]


def as_dict(incumbent: Build) -> dict[str, str]:
    """Return an incumbent as JSON."""
    return asdict(incumbent)


def kept(value: float) -> float:
    """Round a figure to the nine decimals that a record keeps."""
    return round(float(value), 9)
