"""Latents that reach the policy: how well it plays beside ones that read, how long a decision takes, and GRPO through the eye.

The policy that sees gets the board reader's latents of clean pictures. It also plays through the default camera, for which it
was not trained. Two policies read JSON: the shipped one, which was trained for longer, and sets the score that is asked for;
and one that learned by the same settings of SFT, from the same lessons, on the same number of steps. Each is one training, so
intervals are those of its games alone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.table import Table

from ouroloop.bench.perception.ground import the_reader
from ouroloop.bench.perception.play import ratio
from ouroloop.bench.timing import Report, machine, significant, single_ms
from ouroloop.envs.intervals import score_interval
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.eye import PictureEye
from ouroloop.policy.bases import open_policy, player_of
from ouroloop.policy.evaluation import evaluate
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.fusion.directory import open_seeing
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.grpo.fit import train_grpo
from ouroloop.policy.sft.config import SftConfig
from ouroloop.policy.sft.fit import fit_sft
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.snake_gpt import threads
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SETTINGS: Final = {
    6: SftConfig(teacher="early", steps=800, positions=30_000, dagger=2, dagger_positions=15_000),
    10: SftConfig(teacher="early", steps=1200, positions=40_000, dagger=2, dagger_positions=20_000),
}
"""Board size -> the settings of both trainings."""
GAMES: Final = 200
DECISIONS: Final = 300
GRPO: Final = GrpoConfig(steps=60, truth_every=0)
GRPO_SIZE: Final = 6
PLAYERS: Final = {
    "shipped": "shipped, reads",
    "reads": "reads",
    "sees": "sees",
    "blurred": "sees by the default camera",
}
SHARE_WANTED: Final = 0.9
"""Of the shipped policy's score, for the one that sees clean pictures."""
MS_WANTED: Final = 35.0


def measure(report: Report, seed: int) -> dict[str, Any]:
    """Return the section; see the module.

    Args:
        report: called with the progress.
        seed: of trainings and games.

    Raises:
        SurroundingsError: this installation ships no board reader.
    """
    threads(1)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for index, size in enumerate(SETTINGS):
            found[str(size)] = _size(size, seed, Path(scratch), part_of(report, index))
        grpo = _grpo(seed, Path(scratch), lambda what, done: report(what, 0.8 + 0.2 * done))
    return {"boards": found, "grpo": grpo, "games": GAMES, "wanted": SHARE_WANTED, "wanted_ms": MS_WANTED, "machine": machine()}


def part_of(report: Report, index: int) -> Report:
    """Return the progress callback of one of the boards."""
    return lambda what, done: report(what, 0.4 * (index + done))


def _size(size: int, seed: int, scratch: Path, report: Report) -> dict[str, Any]:
    task, config = SnakeTask(size), SETTINGS[size]
    reads, sees = scratch / f"reads-{size}", scratch / f"sees-{size}"
    seen = eye(task, perfect())
    seen.save(scratch / f"eye-{size}")

    def told(name: str, first: float, last: float) -> Callable[[str, float, dict[str, float]], None]:
        return lambda stage, done, figures: report(
            f"{name} {size}x{size}, loss {figures['loss']:.3g}", first + (last - first) * done
        )

    plain = fit_sft(task, config, seed, reads, told("reads", 0.0, 0.15))
    fused = fit_sft(task, config, seed, sees, told("sees", 0.15, 0.85), eye=scratch / f"eye-{size}", fusion=FusionConfig())
    report(f"games of {size}x{size}", 0.85)
    policy = open_seeing(sees, task=task)
    blurred = open_seeing(sees, task=task, eye=eye(task, CameraConfig()))
    shipped = open_policy(find_policy(f"snake-gpt-{size}x{size}"))
    players = {"shipped": shipped, "reads": open_policy(reads), "sees": policy, "blurred": blurred}
    scores = {name: played(task, player, seed) for name, player in players.items()}
    return {
        "steps": config.steps,
        "parameters": {"reads": _parameters(reads), "sees": _parameters(sees)},
        "seconds": {"reads": significant(plain.seconds, 3), "sees": significant(fused.seconds, 3)},
        "board_read": significant(fused.health.get("board_read", 0.0)),
        "scores": {name: interval(task, score) for name, score in scores.items()},
        "share": {name: ratio(scores[name], scores["shipped"], seed) for name in ("reads", "sees", "blurred")},
        "ms": times(task, policy),
    }


def eye(task: SnakeTask, camera: CameraConfig) -> PictureEye:
    """Return the shipped board reader behind a camera; raises SurroundingsError if none is shipped."""
    return PictureEye(task, "reader", the_reader(task), camera)


def played(task: SnakeTask, policy: Any, seed: int) -> NDArray[np.int32]:
    """Return the scores of a policy that plays the bench's games alone: (GAMES,)."""
    seeds = np.array(game_seeds(seed, "eval", 0, GAMES), dtype=np.uint64)
    return evaluate(task, player_of(policy), seeds).outcomes.score


def interval(task: SnakeTask, scores: NDArray[np.int32]) -> dict[str, float]:
    """Return a mean score with its 95 % interval."""
    found = score_interval(scores, task.score_bound)
    return {"mean": significant(found.mean), "low": significant(found.low), "high": significant(found.high)}


def times(task: SnakeTask, policy: Any) -> dict[str, float]:
    """Return milliseconds of a decision about one position: median and 95th percentile, and the medians of its parts."""
    bank, player, own = task.positions(5, DECISIONS).observations(), player_of(policy), policy.eye
    pictures = [own.look(bank.take([row])) for row in range(DECISIONS)]
    whole = single_ms(lambda row: player.logits(bank.take([row])), DECISIONS)
    camera = single_ms(lambda row: own.look(bank.take([row])), DECISIONS)
    encoder = single_ms(lambda row: own.encoder.latents(pictures[row], task.size), DECISIONS)
    return {
        "median": significant(float(np.median(whole)), 3),
        "p95": significant(float(np.percentile(whole, 95)), 3),
        "camera": significant(float(np.median(camera)), 3),
        "encoder": significant(float(np.median(encoder)), 3),
        "policy": significant(float(np.median(whole) - np.median(camera) - np.median(encoder)), 3),
    }


def _grpo(seed: int, scratch: Path, report: Report) -> dict[str, Any]:
    """Train the policy that sees further under the game's own reward; return its scores before and after."""
    task, start, out = SnakeTask(GRPO_SIZE), scratch / f"sees-{GRPO_SIZE}", scratch / "further"
    trained = train_grpo(
        task,
        start,
        lambda features: np.zeros(features.shape[:-1], np.float32),
        lambda progress: 0.0,
        GRPO,
        seed,
        out,
        lambda stage, done, figures: report(f"grpo {GRPO_SIZE}x{GRPO_SIZE}", 0.8 * done),
    )
    before, after = (played(task, open_policy(place), seed) for place in (start, out))
    gain = after.astype(np.float64) - before
    return {
        "steps": trained.steps,
        "before": interval(task, before),
        "after": interval(task, after),
        "gain": significant(float(gain.mean())),
        "error": significant(float(gain.std(ddof=1) / np.sqrt(len(gain)))),
        "sampler_gap": significant(float(trained.health["sampler_gap"]), 3),
        "stopped": trained.stopped,
    }


def _parameters(place: Path) -> int:
    return int(open_policy(place).model.num_parameters())


def table(found: dict[str, Any]) -> Table:
    """Return the section as a table."""
    grid = Table("a policy that sees, beside one that reads", *(f"{size} x {size}" for size in found["boards"]), pad_edge=False)
    boards = list(found["boards"].values())
    for name, said in PLAYERS.items():
        grid.add_row(f"foods, {said}", *(_scored(board["scores"][name]) for board in boards))
    for name, said in list(PLAYERS.items())[1:]:
        wanted = f", asked {found['wanted']:.0%}" if name == "sees" else ""
        grid.add_row(f"of the shipped one's, {said}{wanted}", *(_share(board["share"][name]) for board in boards))
    grid.add_row("cells that its last states tell", *(f"{board['board_read']:.2%}" for board in boards))
    grid.add_row("parameters, reads and sees", *(_both(board["parameters"]) for board in boards))
    grid.add_row("seconds of training", *(_both(board["seconds"]) for board in boards))
    grid.add_row(
        f"ms a decision, median and p95, wanted {found['wanted_ms']:g}",
        *(f"{board['ms']['median']:g}, {board['ms']['p95']:g}" for board in boards),
    )
    grid.add_row("of them camera, encoder, policy", *(_parts(board["ms"]) for board in boards))
    after = found["grpo"]
    grid.add_row(
        f"foods before and after {after['steps']} steps of GRPO",
        f"{after['before']['mean']:g}, {after['after']['mean']:g} ({after['gain']:+g} ± {1.96 * after['error']:.2g})",
    )
    return grid


def _scored(score: dict[str, float]) -> str:
    return f"{score['mean']:g} [{score['low']:g}, {score['high']:g}]"


def _share(ratio: dict[str, float]) -> str:
    return f"{ratio['mean']:.1%} [{ratio['low']:.1%}, {ratio['high']:.1%}]"


def _parts(ms: dict[str, float]) -> str:
    return ", ".join(f"{ms[part]:g}" for part in ("camera", "encoder", "policy"))


def _both(found: dict[str, float]) -> str:
    return f"{found['reads']:g}, {found['sees']:g}"
