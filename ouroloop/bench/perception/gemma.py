"""The small Gemma: what it reads, how it plays, what a decision costs; and a decision of a model of Gemma-3-4B's true shape."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.table import Table

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.perception.gemma_cost import DECISIONS, costs
from ouroloop.bench.perception.gemma_shape import whole_shape
from ouroloop.bench.timing import Report, significant
from ouroloop.envs.capabilities import oracle_of
from ouroloop.envs.intervals import score_interval
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.gemma.config import GemmaConfig
from ouroloop.policy.named import load_policy
from ouroloop.policy.play import play
from ouroloop.protocols.seeds import derived_seed, game_seeds

if TYPE_CHECKING:
    from ouroloop.perception.gemma.eyes import GemmaReader
    from ouroloop.perception.gemma.loading import Gemma
    from ouroloop.protocols.ports import Policy, Task
    from ouroloop.protocols.records import Observations

SIZE: Final = 6
BOARDS: Final = 1000
FREE: Final = 100
"""Boards and moves that the model writes freely."""
GAMES: Final = 20
POLICY: Final = "snake-gpt-6x6"
SHIPPED: Final = Path(__file__).parents[2] / "perception" / "shipped" / "snake-gemma"
WORDS: Final = 4
"""Most tokens of a move that is written freely."""


def measure(report: Report, seed: int) -> dict[str, Any]:
    """Return the section's document.

    Args:
        report: called with the progress.
        seed: of positions and games, and of the training where the model does not ship.
    """
    task = SnakeTask(SIZE)
    with tempfile.TemporaryDirectory() as scratch:
        folder = SHIPPED if SHIPPED.is_dir() else _trained(task, Path(scratch) / "gemma", report, seed)
        return measure_model(folder, task, report, seed)


def measure_model(
    folder: Path,
    task: Task,
    report: Report,
    seed: int,
    *,
    boards: int = BOARDS,
    free: int = FREE,
    games: int = GAMES,
    decisions: int = DECISIONS,
    whole: bool = True,
) -> dict[str, Any]:
    """Return the document of the small Gemma in a folder.

    Args:
        folder: what `train_gemma` wrote for this task.
        task: the game.
        report: called with the progress.
        seed: of positions and games.
        boards: positions to be read, and moves to be made.
        free: of them those that are asked for without a form.
        games: games of each player.
        decisions: timed ones.
        whole: measure a model of Gemma-3-4B's shape too.
    """
    from ouroloop.perception.gemma.loading import load_gemma

    report("reading", 0.1)
    gemma = load_gemma(folder)
    assert gemma.card is not None
    document: dict[str, Any] = {
        "parameters": gemma.card.parameters,
        "megabytes": significant(sum(path.stat().st_size for path in folder.iterdir()) / 1e6, 3),
        "seen": _seen(gemma, task, seed, boards),
        "free": _free(gemma, task, seed, free),
    }
    report("playing", 0.3)
    document["scores"] = _scores(gemma, task, seed, games, lambda share: report("playing", 0.3 + 0.3 * share))
    report("timing decisions", 0.6)
    document["costs"] = costs(folder, task, POLICY, decisions)
    if whole:
        report("the whole shape", 0.8)
        document["shape"] = whole_shape()
    return document


def _trained(task: Task, out: Path, report: Report, seed: int) -> Path:
    from ouroloop.perception.gemma.training import train_gemma

    train_gemma(task, GemmaConfig(), seed, out, lambda phase, share, _: report(f"the Gemma's {phase}", 0.1 * share))
    return out


def _seen(gemma: Gemma, task: Task, seed: int, count: int) -> dict[str, Any]:
    """Return, for each camera, the share of boards read exactly and of moves that do not lose at once."""
    from ouroloop.perception.gemma.eyes import GemmaPlayer, GemmaReader

    engine = task.positions(derived_seed(seed, "bench", "gemma"), count)
    truth, deadly = engine.observations(), oracle_of(task).regret(engine) >= 1
    rows, escapable = np.arange(count), ~deadly.all(1)
    found = {}
    for name, config in _cameras(task).items():
        camera = Camera(task, config, seed)
        read = GemmaReader(gemma, task).read(camera.look(truth))
        chosen = GemmaPlayer(gemma, task, camera).logits(truth).argmax(1)
        found[name] = {
            "exact": significant(float(read.exact(truth).mean())),
            "repaired": significant(float(read.repaired.mean())),
            "alive": significant(float((~deadly[rows, chosen])[escapable].mean())),
        }
    return found


def _cameras(task: Task) -> dict[str, CameraConfig]:
    """Return the cameras of the measurement by name: clean, the default, and the default on looks that no training draws."""
    sight = task.sight
    assert sight is not None
    return {"clean": perfect(), "default": CameraConfig(), **{look: CameraConfig(look=look) for look in sight.held_out}}


def _free(gemma: Gemma, task: Task, seed: int, count: int) -> dict[str, Any]:
    """Return what replies are worth that no form holds: valid boards, exact boards, and moves that are moves."""
    from ouroloop.perception.gemma.asking import Asker
    from ouroloop.perception.gemma.eyes import GemmaReader, move_question

    truth = task.positions(derived_seed(seed, "bench", "gemma", "free"), count).observations()
    pixels = Camera(task, perfect()).look(truth)
    reader = GemmaReader(gemma, task, way="free")
    exact = reader.read(pixels).exact(truth).mean()
    said = Asker(gemma, move_question(gemma, task)).write(pixels, WORDS)
    return {
        "boards_valid": reader.replies.valid / reader.replies.asked,
        "boards_exact": significant(float(exact)),
        "moves_valid": significant(float(np.mean([text.strip() in task.actions for text in said]))),
    }


def _scores(gemma: Gemma, task: Task, seed: int, games: int, done: Callable[[float], None]) -> dict[str, list[float]]:
    """Return the mean scores, with intervals, of the Gemma alone, and of a policy that reads through it."""
    from ouroloop.perception.gemma.eyes import GemmaPlayer, GemmaReader

    policy, seeds = load_policy(POLICY), np.array(game_seeds(seed, "eval", 0, games), np.uint64)
    clean, usual = Camera(task, perfect(), seed), Camera(task, CameraConfig(), seed)
    reader = GemmaReader(gemma, task)
    players: dict[str, Policy] = {
        "gemma plays, clean": GemmaPlayer(gemma, task, clean),
        "gemma plays, default camera": GemmaPlayer(gemma, task, usual),
        f"gemma reads, {POLICY} plays, clean": Reading(reader, clean, policy),
        f"gemma reads, {POLICY} plays, default camera": Reading(reader, usual, policy),
        f"{POLICY} plays, unseen": policy,
    }
    found = {}
    for index, (name, player) in enumerate(players.items()):
        score = score_interval(play(task, player, seeds).score, task.score_bound)
        found[name] = [significant(value) for value in (score.mean, score.low, score.high)]
        done((index + 1) / len(players))
    return found


class Reading:
    """A policy that is shown what a reader sees in a camera's pictures."""

    def __init__(self, reader: GemmaReader, camera: Camera, policy: Policy) -> None:
        """Keep the three."""
        self._reader, self._camera, self._policy = reader, camera, policy

    def logits(self, observations: Observations) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the policy's logits (B, A) float32 for what was read."""
        read = self._reader.read(self._camera.look(observations))
        return self._policy.logits(read.into(observations))


def table(found: dict[str, Any]) -> Table:
    """Return the section as a table."""
    rows: list[tuple[object, ...]] = [("weights", f"{found['parameters']:,} ({found['megabytes']:g} MB on disk)")]
    for camera, row in found["seen"].items():
        rows.append((f"boards read exactly, {camera}", f"{row['exact']:.1%} ({row['repaired']:.1%} repaired)"))
        rows.append((f"moves that do not lose at once, {camera}", f"{row['alive']:.1%}"))
    free = found["free"]
    rows.append(("boards without a form", f"{free['boards_valid']:.1%} valid, {free['boards_exact']:.1%} exact"))
    rows.append(("moves without a form", f"{free['moves_valid']:.1%} valid"))
    rows += [(name, f"{mean:.1f} [{low:.1f}, {high:.1f}]") for name, (mean, low, high) in found["scores"].items()]
    for name, row in found["costs"]["ms"].items():
        rows.append((f"{name}, batch 1", f"{row['p50']:.1f} ms ({row['p95']:.1f} ms p95)"))
    rows.append(("peak memory of that process", f"{found['costs']['peak_mb']:.0f} MB"))
    for name, row in found.get("shape", {}).items():
        rows.append((f"Gemma-3-4B's shape, {name}", row if isinstance(row, str) else _told(row)))
    return grid(("the small Gemma", "6x6"), rows)


def _told(row: dict[str, float]) -> str:
    """Return the figures of a model of the whole shape in words."""
    rate = f", {row['tokens_per_s']:.3g} tokens/s" if "tokens_per_s" in row else ""
    slowest = f"{row['p95_ms']:.0f} ms p95" if "p95_ms" in row else f"at most {row['most_ms']:.0f} ms"
    return f"{row['p50_ms']:.0f} ms a decision ({slowest}){rate}, {row['peak_mb']:.0f} MB"
