"""The subjects of the screen's benchmark: a weak policy, controllers bred by the search, and sessions in this process."""

from __future__ import annotations

import random
import sys
import types
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.agents.search.composer import render
from ouroloop.agents.search.patcher import Breeder, PatcherConfig
from ouroloop.envs.snake import toolkit
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.gate.bank import Bank
from ouroloop.protocols.messages import Diagnosis, Finding, PatchRequest, Tool
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Policy
    from ouroloop.protocols.records import Observations

CONTROLLERS: Final = 48
FINDINGS: Final = {
    "hits_body": "games end because the snake hits its body",
    "hits_wall": "games end because the snake hits a wall",
    "starves": "games end by starvation, the food out of reach",
    "detours": "the way to the food is longer than it need be",
    "trapped": "the snake enters a space that is too small for it",
}
"""Findings that a critic may report; two random ones lead each brood."""


@dataclass(frozen=True, slots=True)
class WeakPolicy:
    """Prefers the greedy teacher's move in half of all positions and no move in the rest: seeded, untrained, no model."""

    task: SnakeTask
    seed: int

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return (B, 4) float32, a function of each position alone."""
        board = np.asarray(observations.columns["board"], np.uint64)
        factors = odd_numbers(self.seed, board.shape[1])
        noise = ((board @ factors.T) >> np.uint64(32)).astype(np.float64) / 2**32
        moves = self.task.teach("greedy", SnakeEngine.of(observations, self.task.settings))
        liked = np.eye(4)[moves] * (noise[:, 4:] < 1 / 2)
        rated: NDArray[np.float32] = (noise[:, :4] + liked).astype(np.float32)
        return rated


@cache
def odd_numbers(seed: int, cells: int) -> NDArray[np.uint64]:
    """Return the factors for hashing positions: (5, cells) uint64."""
    return np.random.default_rng(seed).integers(0, 2**64, (5, cells), dtype=np.uint64) | np.uint64(1)


class InProcess:
    """A session in this interpreter, for sources that this benchmark generates itself."""

    def __init__(self, source: str) -> None:
        """Load a controller."""
        module = types.ModuleType("controller")
        sys.modules.setdefault("toolkit", toolkit)
        exec(source, vars(module))  # noqa: S102 (composed by the search patcher of toolkit functions)
        self.chosen = module.act

    def act(self, observations: Observations, logits: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return the controller's actions: (B,) int8."""
        out = np.empty(len(observations), np.int8)
        for row, rated in enumerate(logits.tolist()):
            toolkit._forget()
            out[row] = self.chosen(observations.row(row), rated)
        return out

    def close(self) -> None:
        """Nothing to close."""


def breed(task: SnakeTask, policy: Policy, bank: Bank, seed: int) -> list[str]:
    """Return the first controller and `CONTROLLERS` descendants of it; no two make the same moves on the bank."""
    tools = tuple(Tool(name=t.name, signature=t.signature, doc=t.doc, kind=t.kind) for t in task.toolkit)
    choice, logits = random.Random(seed), policy.logits(bank.observations)  # noqa: S311 - no secret
    known = {InProcess(task.start_controller).act(bank.observations, logits).tobytes(): task.start_controller}
    facts = {"games": 1, "score": 0, "score_low": 0, "score_high": 0, "utility": 0, "win_rate": 0, "avoidable": 0}
    brood = 0
    while len(known) <= CONTROLLERS:
        brood += 1
        findings = [Finding(name=n, weight=0.5, evidence=FINDINGS[n]) for n in choice.sample(sorted(FINDINGS), 2)]
        request = PatchRequest(
            task=task.name,
            mode="bug_fix",
            count=3,
            seed=derived_seed(seed, brood),
            diagnosis=Diagnosis.model_validate(facts | {"deaths": {}, "regret": {}, "findings": findings}),
            source=choice.choice(list(known.values())),
            actions=task.actions,
            toolkit=tools,
        )
        breeder = Breeder(request, PatcherConfig())
        for bold in (False, True, True):
            source = render(breeder.breed(bold), len(task.actions))
            known.setdefault(InProcess(source).act(bank.observations, logits).tobytes(), source)
    return list(known.values())[: CONTROLLERS + 1]
