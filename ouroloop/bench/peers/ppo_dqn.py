"""Training PPO and DQN of Stable-Baselines3 on Snake: the usual alternatives, compared with Snake-GPT.

Both learn in the environment that is registered with Gymnasium, from its own observation and reward: +1 for a food, -1 for a
death. No action is masked. Settings that `baseline.SETTINGS` does not name keep the library's defaults.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.torch import save_file

from ouroloop.atomic import whole_directory
from ouroloop.bench.peers.baseline import CARD, SETTINGS, WEIGHTS, Card, Kind
from ouroloop.policy.report import Progress, TrainingReport, silent
from ouroloop.protocols.errors import SurroundingsError, UsageError

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task


def train(
    kind: Kind,
    task: Task,
    steps: int,
    seed: int,
    out: Path,
    progress: Progress = silent,
    *,
    curve: int = 0,
    limit_s: float = math.inf,
) -> TrainingReport:
    """Train a baseline and write its directory.

    Args:
        kind: `ppo` or `dqn`.
        task: the game; it must be Snake, since the environment is.
        steps: moves made in all games; PPO makes whole rounds of `GAMES * 64`.
        seed: decides games, initial weights and order.
        out: the directory to make; it appears complete or not at all.
        progress: called after each hundredth of the moves.
        curve: number of points of the learning curve.
        limit_s: processor time after which training ends early. It is for benchmarks: unlike everything else here, its
            result depends on the machine.

    Returns:
        The report: `steps` and `loss` count rounds of updates; `curve` and `health["moves"]` count moves; `health["score"]`
        is the mean of the last 100 training games.

    Raises:
        UsageError: the kind is unknown, or the game is not Snake.
        SurroundingsError: Stable-Baselines3 is not installed.
        TrainingError: the loss is not finite.
    """
    from ouroloop.envs.snake.task import SnakeTask

    if kind not in SETTINGS:
        raise UsageError(f"baseline {kind!r} is not known: choose {' or '.join(SETTINGS)}")
    if not isinstance(task, SnakeTask) or steps < 1:
        raise UsageError(f"a baseline learns Snake for 1 step or more, found {task.name!r} and {steps} steps")
    try:
        from ouroloop.bench.peers import sb3 as baselines_sb3
    except ImportError as error:
        raise SurroundingsError(
            "baselines need Stable-Baselines3, which is not installed: pip install 'ouroloop[baselines]'"
        ) from error
    begun, card = time.perf_counter(), Card(kind=kind, task=task.name, size=task.size)
    diary = baselines_sb3.fit(card, task, steps, seed, progress, curve, limit_s)
    with whole_directory(out) as folder:
        parts = {"weight": 0, "bias": 1}
        named = {f"{i}.{name}": layer[at] for i, layer in enumerate(diary.policy().layers) for name, at in parts.items()}
        save_file(named, folder / WEIGHTS)
        (folder / CARD).write_text(card.model_dump_json() + "\n")
    health = {"score": float(np.mean(diary.scores[-100:] or [0])), "moves": float(diary.moves)}
    return TrainingReport(len(diary.loss), tuple(diary.loss), health, tuple(diary.curve), time.perf_counter() - begun)
