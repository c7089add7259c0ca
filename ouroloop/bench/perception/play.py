"""What players lose that see: the same policy on the same games, from the true state and through a reader.

On 6 x 6 and 10 x 10 the shipped Snake-GPTs play. No policy ships for 20 x 20, so there the teacher `greedy` stands in: it goes
the shortest way to the food if its tail stays in reach, of the board as it was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.perception.ground import boards, the_reader
from ouroloop.bench.timing import Report, significant, single_ms
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.perceive import VisionPerception
from ouroloop.policy.play import play
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.snake_gpt import threads
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from rich.table import Table

    from ouroloop.protocols.ports import Policy
    from ouroloop.protocols.records import Observations

TEACHER: Final = "greedy"
ARMS: Final = {6: ("snake-gpt-6x6", 200), 10: ("snake-gpt-10x10", 100), 20: (TEACHER, 12)}
"""Board's side -> the policy, and how many games it plays in each arm."""
CAMERAS: Final = {"clean": perfect(), "default camera": CameraConfig()}
SPOILT: Final = (6, "snake-gpt-6x6", 100)
"""Board's side, policy and games of the scores through cameras that spoil pictures in one way each."""
SPOILS: Final[dict[str, tuple[float, ...]]] = {
    "noise": (0.1, 0.15, 0.2, 0.3),
    "cell_px": (1, 2, 3, 4),
    "rotation": (3, 6),
    "blur": (0.2, 0.4),
    "jpeg": (40, 10),
    "occlusion": (0.02, 0.1),
}
"""A camera's setting -> its values, all else perfect; looks that no training draws come besides."""
DRAWS: Final = 4000
"""Resamples of the games for an interval."""
TIMED: Final = 200
"""Decisions, one board at a time, that are timed."""
TARGET: Final = 0.98
"""Least ratio of scores asked for on clean pictures."""
TARGET_MS: Final = 35.0
"""Most milliseconds of a decision."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A policy that plays a teacher's move in the positions that it is shown."""

    task: SnakeTask

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return 1 for the teacher's move and 0 for the others: (B, 4) float32; zeros where no food was read."""
        found = np.zeros((len(observations), len(self.task.actions)), np.float32)
        rows = np.flatnonzero(observations.columns["food"].astype(np.int64) >= 0)
        if len(rows):
            engine = SnakeEngine.of(observations.take(rows), self.task.settings)
            found[rows, self.task.teach(TEACHER, engine)] = 1.0
        return found


def measure(report: Report, seed: int) -> dict[str, Any]:
    """Return a row for each board size and camera."""
    threads(1)
    rows = []
    for place, (size, (name, games)) in enumerate(ARMS.items()):
        task = SnakeTask(size)
        policy: Policy = Taught(task) if name == TEACHER else LocalPolicy(find_policy(name), task=task)
        seeds = np.array(game_seeds(seed, "watch", 0, games), dtype=np.uint64)
        report(f"{name} from JSON", 0.6 * place / len(ARMS))
        told = play(task, policy, seeds).score
        for camera, config in CAMERAS.items():
            report(f"{name}, {camera}", 0.6 * (place + 0.5) / len(ARMS))
            rows.append({"size": size, "policy": name, "camera": camera, **seen(task, policy, seeds, told, config, seed)})
    clean = [row for row in rows if row["camera"] == "clean"]
    return {
        "rows": rows,
        "spoilt": spoilt(seed, lambda share: report("what spoils pictures costs", share)),
        "target": {"ratio": TARGET, "ms": TARGET_MS},
        "met": {
            "ratio": all(row["ratio"]["mean"] >= TARGET for row in clean),
            "ms": all(row["ms_per_decision"] <= TARGET_MS for row in rows),
        },
    }


def spoilt(seed: int, done: Callable[[float], None]) -> list[dict[str, Any]]:
    """Return the score through each camera of `SPOILS`, beside the one from JSON; `done` gets the share of the section."""
    size, name, games = SPOILT
    task = SnakeTask(size)
    policy, seeds = LocalPolicy(find_policy(name), task=task), np.array(game_seeds(seed, "watch", 0, games), dtype=np.uint64)
    told = play(task, policy, seeds).score
    cases: list[tuple[str, object]] = [(setting, value) for setting, values in SPOILS.items() for value in values]
    cases += [("look", look) for look in task.sight.held_out]
    rows = []
    for place, (setting, value) in enumerate(cases):
        done(0.6 + 0.4 * place / len(cases))
        camera = Camera(task, perfect(scatter=False, **{setting: value}), seed)
        perceive = VisionPerception(the_reader(task), camera)
        scores = play(task, policy, seeds, perceive=perceive).score
        found = {"score": significant(float(scores.mean())), "ratio": ratio(scores, told, seed)}
        rows.append({"setting": setting, "value": value, **found, "read_exactly": significant(perceive.exact, 5)})
    return rows


def seen(
    task: SnakeTask, policy: Policy, seeds: NDArray[np.uint64], told: NDArray[np.int32], config: CameraConfig, seed: int
) -> dict[str, Any]:
    """Return how a policy plays by sight, beside its scores `told` (G,) from the true state."""
    perceive = VisionPerception(the_reader(task), Camera(task, config, seed))
    scores = play(task, policy, seeds, perceive=perceive).score
    return {
        "games": len(seeds),
        "json": significant(float(told.mean())),
        "vision": significant(float(scores.mean())),
        "ratio": ratio(scores, told, seed),
        "read_exactly": significant(perceive.exact, 5),
        "ms_per_decision": significant(alone_ms(task, policy, perceive, seed), 3),
    }


def ratio(scores: NDArray[np.int32], told: NDArray[np.int32], seed: int) -> dict[str, float]:
    """Return the ratio of two mean scores of the same games with its 95 % interval, by resampling games (Efron 1979)."""
    games = np.random.default_rng(seed).integers(len(scores), size=(DRAWS, len(scores)))
    ratios = scores[games].mean(1) / np.maximum(1e-9, told[games].mean(1))
    low, high = np.quantile(ratios, (0.025, 0.975))
    found = {"mean": scores.mean() / max(1e-9, told.mean()), "low": low, "high": high}
    return {name: significant(float(value)) for name, value in found.items()}


def alone_ms(task: SnakeTask, policy: Policy, perceive: VisionPerception, seed: int) -> float:
    """Return the median milliseconds of wall time of a decision, one board at a time: picture, reading and policy."""
    bank = boards(task.size, 4 * TIMED, seed).take(slice(0, None, 4))  # without walls, not moved on
    return float(np.median(single_ms(lambda row: policy.logits(perceive(bank.take([row]))), len(bank))))


def table(found: dict[str, Any]) -> Table:
    """Return the scores from JSON and by sight, what a decision takes, and the scores where pictures are spoilt."""
    rows = []
    for row in found["rows"]:
        spread = f"{row['ratio']['mean']:.3f} [{row['ratio']['low']:.3f}, {row['ratio']['high']:.3f}]"
        who = (f"{row['size']} x {row['size']}", row["policy"], row["camera"], row["games"])
        rows.append((*who, row["json"], row["vision"], spread, f"{row['read_exactly']:.2%}", row["ms_per_decision"]))
    size, policy, games = SPOILT
    for row in found["spoilt"]:
        spread = f"{row['ratio']['mean']:.3f} [{row['ratio']['low']:.3f}, {row['ratio']['high']:.3f}]"
        who = (f"{size} x {size}", policy, f"{row['setting']} {row['value']}", games)
        rows.append((*who, "", row["score"], spread, f"{row['read_exactly']:.2%}", ""))
    met, target = found["met"], found["target"]
    said = ", ".join(
        (
            f"ratio >= {target['ratio']:g} on clean pictures: {'yes' if met['ratio'] else 'NO'}",
            f"<= {target['ms']:g} ms: {'yes' if met['ms'] else 'NO'}",
        )
    )
    names = ("board", "policy", "camera", "games", "JSON", "vision", "ratio [95 %]", "boards read exactly", "ms a decision")
    return grid(names, rows, f"scores by sight and from JSON; asked: {said}")
