"""What fewer bits cost in score, and save in memory and time: for a policy that plays, and for a base of some size.

The shipped policy of the smallest board shows the loss of score, but it is so small that fewer bits make it slower. The base is
like a language model of its size, with random weights: it shows memory and speed, but no score.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ouroloop.bench.policy.base import write_policy
from ouroloop.bench.timing import Report, significant
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import open_policy
from ouroloop.policy.quantise import Row, compare
from ouroloop.policy.settings import Shape
from ouroloop.policy.shipped import find_policy, shipped_policies
from ouroloop.policy.snake_gpt import threads

if TYPE_CHECKING:
    from ouroloop.policy.report import Progress

GAMES: Final = 100
POSITIONS: Final = 512
BASE: Final = Shape(hidden=768, layers=6, heads=12, intermediate=2048)
BASE_SIZE: Final = 6
BASE_POSITIONS: Final = 64


def measure(report: Report, *, seed: int) -> dict[str, Any]:
    """Return a row for each precision, of a shipped policy and of a base of random weights.

    Args:
        report: called with the progress.
        seed: of games and positions.

    Raises:
        SurroundingsError: bitsandbytes is not installed.
    """
    threads(1)

    def told(before: float, name: str) -> Progress:
        return lambda _, done, figures: report(f"quantising {name}", before + done / 2)

    sizes = {name: int(open_policy(find_policy(name)).encoding.settings["size"]) for name in shipped_policies()}
    name = min(sizes, key=lambda one: sizes[one])
    task = SnakeTask(sizes[name])
    found = compare(find_policy(name), task, GAMES, positions=POSITIONS, seed=seed, progress=told(0.0, name))
    with tempfile.TemporaryDirectory() as scratch:
        base = write_policy(Path(scratch) / "base", BASE_SIZE, BASE)
        parameters = int(open_policy(base).model.num_parameters())
        task = SnakeTask(BASE_SIZE)
        unscored = compare(base, task, 1, positions=BASE_POSITIONS, seed=seed, progress=told(0.5, "a base"))
    base_rows = [row("a base", one) | {"score": None} for one in unscored]
    rows = [row(name, one) for one in found]
    return {"games": GAMES, "rows": rows, "base": {"parameters": parameters, "rows": base_rows}}


def row(name: str, found: Row) -> dict[str, Any]:
    """Return a row of the comparison as JSON."""
    return {
        "policy": name,
        "precision": found.precision,
        "megabytes": significant(found.megabytes, 3),
        "score": {key: significant(value) for key, value in asdict(found.score).items()},
        "decisions_per_s": significant(found.decisions_per_s, 3),
        "agreement": significant(found.agreement, 3),
        "deviation": significant(found.deviation, 3),
    }
