"""How exactly boards are read, what spoils reading, and how its cost grows with the board.

A board counts as exact if every cell, the food, and the snake in its order are right. Half of the boards have walls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.perception.ground import boards, the_reader
from ouroloop.bench.timing import Rates, Report, significant
from ouroloop.envs.intervals import share_interval
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.table import Table

    from ouroloop.perception.reader import Reader
    from ouroloop.protocols.records import Observations

BOARDS: Final = {6: 2000, 10: 1000, 20: 600, 32: 400, 64: 200}
"""Boards of each size, for each look and camera."""
TARGETS: Final = {"clean": 0.995, "default camera": 0.97}
"""Shares of boards asked for: clean, and through the default camera in each look that no training draws."""
COST_SIZES: Final = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
COST_SECONDS: Final = 0.5
CURVE_SIZE, CURVE_BOARDS = 10, 300
CURVES: Final[dict[str, tuple[float, ...]]] = {
    "noise": (0, 0.06, 0.1, 0.15, 0.2, 0.3),
    "cell_px": (1, 2, 3, 4, 5, 6, 8, 12, 16),
    "rotation": (0, 1, 2, 3, 4, 6),
    "shift": (0, 0.1, 0.2, 0.3, 0.4),
    "blur": (0, 0.1, 0.2, 0.3, 0.4, 0.5),
    "jpeg": (90, 60, 40, 20, 10),
    "occlusion": (0, 0.01, 0.02, 0.05, 0.1),
}
"""A camera's setting -> its values, all else perfect."""
HARSH: Final = {"rotation": 3.0, "shift": 0.15, "blur": 0.15, "colour": 0.15, "noise": 0.12, "jpeg": 50}
"""A camera at the limits of what the training shows."""


def measure(report: Report, seed: int) -> dict[str, Any]:
    """Return exact boards by size, curves over what spoils pictures, and milliseconds by size."""
    exact = {}
    for place, (size, count) in enumerate(BOARDS.items()):
        report(f"{size} x {size}", 0.5 * place / len(BOARDS))
        exact[str(size)] = by_camera(size, count, seed)
    curves = {}
    for place, (setting, values) in enumerate(CURVES.items()):
        report(f"what {setting} costs", 0.5 + 0.3 * place / len(CURVES))
        curves[setting] = curve(setting, values, seed)
    report("cost by size", 0.8)
    card = the_reader(SnakeTask(CURVE_SIZE)).card
    return {
        "parameters": card.parameters,
        "trained_on": list(card.sizes),
        "exact": exact,
        "target": TARGETS,
        "met": met(exact),
        "curves": {"size": CURVE_SIZE, "boards": CURVE_BOARDS, **curves},
        "cost": cost(seed),
    }


def by_camera(size: int, count: int, seed: int) -> dict[str, dict[str, float]]:
    """Return how many boards of a size are read exactly, by look and camera."""
    task, positions = SnakeTask(size), boards(size, count, seed)
    reader, sight = the_reader(task), task.sight
    cameras = {
        "clean": perfect(),
        **{f"clean, {look}": perfect(look=look) for look in sight.held_out},
        "default camera": CameraConfig(),
        **{f"default camera, {look}": CameraConfig(look=look) for look in sight.held_out},
        **{f"harsh camera, {look}": CameraConfig(look=look, **HARSH) for look in sight.held_out},  # type: ignore[arg-type]
    }
    return {name: share(reader, Camera(task, config, seed), positions) for name, config in cameras.items()}


def share(reader: Reader, camera: Camera, positions: Observations) -> dict[str, float]:
    """Return the share of boards that a reader reads exactly through a camera, with its exact interval."""
    same, wrong = 0, 0
    for start in range(0, len(positions), 64):
        part = positions.take(slice(start, start + 64))
        probabilities = reader.probabilities(camera.look(part))
        same += int(camera.sight.decode(probabilities).exact(part).sum())
        wrong += int((probabilities.argmax(-1) != camera.sight.label(part)).sum())
    low, high = share_interval(same, len(positions))
    cells = len(positions) * reader.side**2
    found = {"boards": len(positions), "exact": same / len(positions), "low": low, "high": high, "wrong": 1e6 * wrong / cells}
    return {name: significant(value) for name, value in found.items()}


def met(exact: dict[str, dict[str, dict[str, float]]]) -> dict[str, bool]:
    """Return whether each target is met on boards of every size, in every look that it speaks of."""
    clean = [found["exact"] for rows in exact.values() for name, found in rows.items() if name == "clean"]
    shaken = [found["exact"] for rows in exact.values() for name, found in rows.items() if name.startswith("default camera, ")]
    return {"clean": min(clean) >= TARGETS["clean"], "default camera": min(shaken) >= TARGETS["default camera"]}


def curve(setting: str, values: tuple[float, ...], seed: int) -> list[dict[str, float]]:
    """Return the shares read exactly as one setting of an otherwise perfect camera grows: in the first look, and held out."""
    task, positions = SnakeTask(CURVE_SIZE), boards(CURVE_SIZE, CURVE_BOARDS, seed)
    reader, rows = the_reader(task), []
    for value in values:
        by_look = {
            look: share(reader, Camera(task, perfect(**{setting: value}, look=look, scatter=False), seed), positions)["exact"]
            for look in (task.sight.looks[0], *task.sight.held_out)
        }
        first, *others = by_look.values()
        rows.append({"value": value, "first": first, "held_out": significant(float(np.mean(others)))})
    return rows


def cost(seed: int) -> dict[str, Any]:
    """Return milliseconds of processor time for a board by its side, one board at a time, and the slope over its cells."""
    rows = []
    for size in COST_SIZES:
        task = SnakeTask(size)
        reader, pixels = the_reader(task), Camera(task, CameraConfig(), seed).look(boards(size, 4, seed).take([3]))
        rates = Rates()
        read = _reading(reader, pixels)
        read()
        rates.measure(read, COST_SECONDS)
        rows.append({"side": size, "cells": size**2, "ms": significant(1000 / rates.median, 3)})
    large = [row for row in rows if row["cells"] >= 256]
    slope = np.polyfit(np.log([row["cells"] for row in large]), np.log([row["ms"] for row in large]), 1)[0]
    return {"rows": rows, "slope": significant(float(slope), 3)}


def _reading(reader: Reader, pixels: NDArray[np.uint8]) -> Callable[[], int]:
    return lambda: len(reader.read(pixels))


def table(found: dict[str, Any]) -> Table:
    """Return the shares of boards read exactly by look and camera, and milliseconds a board, by size."""
    sizes = list(found["exact"])
    names = list(found["exact"][sizes[0]])
    rows = [(name, *(_percent(found["exact"][size][name]) for size in sizes)) for name in names]
    ms = {str(row["side"]): row["ms"] for row in found["cost"]["rows"]}
    rows.append(("ms a board, alone", *(str(ms.get(size, "")) for size in sizes)))
    said = ", ".join(
        f"{name} >= {share:.1%}: {'yes' if found['met'][name] else 'NO'}" for name, share in found["target"].items()
    )
    title = f"boards read exactly [95 % interval]; asked on every size: {said}; cost ~ cells^{found['cost']['slope']:g}"
    return grid(("look and camera", *(f"{size} x {size}" for size in sizes)), rows, title)


def _percent(row: dict[str, float]) -> str:
    return f"{row['exact']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"
