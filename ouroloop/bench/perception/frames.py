"""How many pictures of 84 x 84 pixels a second one core makes: drawn alone, and photographed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.perception.ground import boards
from ouroloop.bench.timing import Report, cpu_share, rounds, significant
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

SIZE: Final = 6
CELL_PX: Final = 14
"""84 pixels a side, as Atari's frames have (Mnih et al. 2015)."""
BOARDS: Final = 256
ROUNDS: Final = 5
SECONDS: Final = 0.5
TARGET: Final = 50_000.0
"""Drawn pictures a second."""


def measure(report: Report, seed: int) -> dict[str, Any]:
    """Return pictures a second of processor time, the median of interleaved rounds."""
    task, positions = SnakeTask(SIZE), boards(SIZE, BOARDS, seed)
    cameras = {
        "drawn in many looks": perfect(cell_px=CELL_PX, look="random"),
        "default camera": CameraConfig(cell_px=CELL_PX),
        "default camera, many looks, JPEG": CameraConfig(cell_px=CELL_PX, look="random", jpeg=60),
    }

    def drawn() -> int:
        return len(task.render(positions, CELL_PX))

    def photographed(camera: Camera) -> Callable[[], int]:
        return lambda: len(camera.look(positions))

    cases = {"drawn": drawn, **{name: photographed(Camera(task, config, seed)) for name, config in cameras.items()}}
    found = rounds(cases, ROUNDS, SECONDS, lambda done: report(f"round {done + 1} of {ROUNDS}", (done + 1) / ROUNDS))
    per_s = {name: significant(rates.median, 3) for name, rates in found.items()}
    return {
        "pixels": SIZE * CELL_PX,
        "frames_per_cpu_s": per_s,
        "cpu_share": cpu_share(found),
        "target": TARGET,
        "met": per_s["drawn"] >= TARGET,
    }


def table(found: dict[str, Any]) -> Table:
    """Return the rates, and whether the target is met."""
    side = found["pixels"]
    rows = [(name, f"{rate:,.0f}", "") for name, rate in found["frames_per_cpu_s"].items()]
    rows[0] = (*rows[0][:2], f"{'yes' if found['met'] else 'NO'} (asked: {found['target']:,.0f})")
    return grid((f"pictures of {side} x {side} pixels", "per second of one core", "met"), rows)
