"""Distillation by numbers: size, score and speed of a teacher policy and of students made from it, stage by stage.

Everything is trained here, by one thread on a 6x6 board, from the same seed: the teacher and a student of the small shape by
supervised fine-tuning alone, then the same small shape by the stages of `policy.distill`, each going on from the one before.
Scores are of the policies alone, the highest logit played, on the same games.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.timing import Report, cpu_share, machine, rounds, significant
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.distill.fit import DistillConfig, StageName, distill
from ouroloop.policy.play import estimate, play
from ouroloop.policy.report import Progress, TrainingReport
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.settings import Shape
from ouroloop.policy.sft.fit import SftConfig, fit_sft
from ouroloop.policy.snake_gpt import threads
from ouroloop.protocols.seeds import game_seeds

SIZE: Final = 6
SEED: Final = 6
GAMES: Final = 200
POSITIONS: Final = 2000
"""Positions in which moves are compared with the teacher's."""
BATCH: Final = 256
"""Positions per call where decisions are timed."""
SECONDS: Final = 0.2
SMALL: Final = Shape(hidden=32, intermediate=64)
TEACHER: Final = SftConfig(steps=500, dagger=4, shape=Shape(hidden=128, intermediate=256))
SCRATCH: Final = SftConfig(steps=450, dagger=4, shape=SMALL)
"""As many steps as the student's two imitating stages together."""
STUDENT: Final = DistillConfig(logits=300, features=150, preferences=40, shape=SMALL, curve=0)
STAGES: Final[dict[str, StageName]] = {
    "logit KD": "logits",
    "+ feature KD": "features",
    "+ DPO": "preferences",
    "+ GRPO": "grpo",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """A policy of the table.

    Args:
        name: its row.
        folder: where it lies.
        steps: optimizer steps, earlier stages included.
        cpu_s: processor time of its training, earlier stages included, the teacher's not.
    """

    name: str
    folder: Path
    steps: int
    cpu_s: float


def measure(report: Report) -> dict[str, Any]:
    """Return the table; see the module.

    Args:
        report: hears of the progress.
    """
    threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        policies = train_all(Path(scratch), report)
        report("playing", 0.9)
        return compare(policies) | {"machine": machine()}


def train_all(folder: Path, report: Report) -> list[Trained]:
    """Train the policies of the table in a folder, the teacher first."""
    task = SnakeTask(SIZE)
    parts = 2 + len(STAGES)

    def told(index: int, name: str) -> Progress:
        return lambda _, done, figures: report(f"distillation: {name}", 0.9 * (index + done) / parts)

    def train(
        index: int, name: str, work: Callable[[Path, Progress], TrainingReport], before: Trained | None = None
    ) -> Trained:
        begun, out = time.process_time(), folder / str(index)
        steps = work(out, told(index, name)).steps
        cpu_s = time.process_time() - begun
        return Trained(name, out, steps + (before.steps if before else 0), cpu_s + (before.cpu_s if before else 0.0))

    def stage(only: DistillConfig, start: Path | None) -> Callable[[Path, Progress], TrainingReport]:
        return lambda out, tell: distill(task, teacher.folder, only, SEED, out, tell, start=start)

    teacher = train(0, "teacher, SFT", lambda out, tell: fit_sft(task, TEACHER, SEED, out, tell))
    policies = [teacher, train(1, "student, SFT", lambda out, tell: fit_sft(task, SCRATCH, SEED, out, tell))]
    last = None
    for index, (name, wanted) in enumerate(STAGES.items(), start=2):
        last = train(index, name, stage(only_stage(wanted), last.folder if last else None), last)
        policies.append(last)
    return policies


def only_stage(wanted: StageName) -> DistillConfig:
    """Return the student's settings with one of their stages."""
    others: dict[str, float] = {"logits": 0, "features": 0, "preferences": 0, "grpo_share": 0.0}
    del others["grpo_share" if wanted == "grpo" else wanted]
    return STUDENT.model_copy(update=others)


def compare(policies: list[Trained]) -> dict[str, Any]:
    """Return the rows of trained policies, the first of which is the teacher."""
    task = SnakeTask(SIZE)
    players = [LocalPolicy(policy.folder) for policy in policies]
    bank = task.positions(SEED, POSITIONS).observations()
    batch = bank.take(np.arange(BATCH) % len(bank))
    cases = {policy.name: timed(player, batch) for policy, player in zip(policies, players, strict=True)}
    speeds = rounds(cases, 3, SECONDS)
    moves = [player.logits(bank).argmax(axis=1) for player in players]
    rows = []
    for policy, player, made in zip(policies, players, moves, strict=True):
        outcomes = play(task, player, np.array(game_seeds(SEED, "watch", 0, GAMES), dtype=np.uint64))
        score = estimate(outcomes.score, np.random.default_rng(SEED))
        rows.append(
            {
                "policy": policy.name,
                "parameters": int(player.policy.model.num_parameters()),
                "mb": significant((policy.folder / "model.safetensors").stat().st_size / 1e6, 3),
                "steps": policy.steps,
                "cpu_s": significant(policy.cpu_s, 3),
                "score": {key: significant(value) for key, value in asdict(score).items()},
                "win_rate": significant(float(outcomes.won.mean()), 3),
                "decisions_per_s": significant(speeds[policy.name].median, 3),
                "agreement": significant(float((made == moves[0]).mean()), 3),
            }
        )
    return {"size": SIZE, "games": GAMES, "rows": rows, "cpu_share": cpu_share(speeds)}


def timed(player: LocalPolicy, batch: Any) -> Callable[[], int]:
    """Return work that decides a batch."""

    def work() -> int:
        player.logits(batch)
        return len(batch)

    return work
