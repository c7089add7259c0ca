"""The section `clip` of `ouroloop bench perception`: our small CLIP, and an untrained ViT-B-32 through the same code."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import binomtest

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.timing import Report
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.clip.loading import RANDOM, load_clip
from ouroloop.perception.clip.measures import localisations, retrieve
from ouroloop.perception.clip.reading import load_clip_reader
from ouroloop.perception.clip.states import gallery
from ouroloop.perception.clip.training import CARD, train_clip
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.learning.positions import varied
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from rich.table import Table

    from ouroloop.perception.clip.model import Clip
    from ouroloop.protocols.records import Observations

SIDE: Final = 6
BOARDS: Final = 1024
"""Boards among which each finds its own."""
FAMILY: Final = 32
"""Boards that lie within three cells of one position."""
PLACES: Final = 256
"""Boards in which phrases are found, and which are read."""
CAMERAS: Final = {"clean": perfect(), "default": CameraConfig()}
OTHER: Final = "ViT-B-32"
SHIPPED: Final = "snake-clip"


def measure(report: Report, seed: int) -> dict[str, Any]:
    """Return what both models are worth on boards that differ in one to three cells.

    The untrained model sees the default camera's pictures alone: each takes it a hundred times as long.
    """
    task = SnakeTask(SIDE)
    place = derived_seed(seed, "bench", "clip")
    boards = gallery(task.sight, varied(task, place, BOARDS // FAMILY), BOARDS, np.random.default_rng(place))
    found: dict[str, Any] = {"side": SIDE, "boards": BOARDS, "family": FAMILY, "places": PLACES, "models": {}}
    with own_clip(task, seed, report) as folder:
        clip = load_clip(folder)
        own = worth(clip, task, boards, seed, CAMERAS)
        reader = load_clip_reader(folder, task)
        for name, row in own["cameras"].items():
            some = boards.take(slice(0, PLACES))
            read = reader.read(Camera(task, CAMERAS[name], seed).look(some)).exact(some)
            row["read"] = share(read)
        own["shipped"] = folder == shipped()
        found["models"]["ours"] = own
    report(f"an untrained {OTHER}", 0.5)
    other = load_clip(OTHER, RANDOM, seed=seed)
    found["models"][f"{OTHER}, untrained"] = worth(other, task, boards, seed, {"default": CAMERAS["default"]})
    return found


def worth(clip: Clip, task: SnakeTask, boards: Observations, seed: int, cameras: dict[str, CameraConfig]) -> dict[str, Any]:
    """Return a model's size and, for each camera, its retrieval among the boards and its localisation in some of them."""
    rows: dict[str, Any] = {}
    for name, config in cameras.items():
        camera = Camera(task, config, seed)
        hits = retrieve(clip, camera, boards)
        places = localisations(clip, camera, boards.take(slice(0, PLACES)))
        rows[name] = {
            "by_image": share(hits.by_image),
            "by_text": share(hits.by_text),
            "localised": {
                phrase: share(one.hits) | {"precision": round(float(one.precision.mean()), 4), "chance": round(one.chance, 4)}
                for phrase, one in places.items()
            },
        }
    return {"parameters": sum(weight.numel() for weight in clip.model.parameters()), "cameras": rows}


def share(hits: NDArray[np.bool_]) -> dict[str, float]:
    """Return a share with Wilson's 95 % interval, as if boards were independent; those of a family are not quite."""
    bounds = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    return {"share": round(float(hits.mean()), 4), "low": round(bounds.low, 4), "high": round(bounds.high, 4), "n": len(hits)}


def shipped() -> Path:
    """Return where the small CLIP lies that ships with the package."""
    return Path(str(resources.files("ouroloop.perception"))) / "shipped" / SHIPPED


@contextmanager
def own_clip(task: SnakeTask, seed: int, report: Report) -> Iterator[Path]:
    """Give the directory of the shipped CLIP, or of one that is trained for the while."""
    if (shipped() / CARD).is_file():
        yield shipped()
        return
    with TemporaryDirectory() as folder:
        out = Path(folder) / SHIPPED
        train_clip(task, ClipConfig(), seed, out, lambda phase, part, _: report(phase, 0.5 * part))
        yield out


def table(found: dict[str, Any]) -> Table:
    """Return the measures of each model behind each camera."""
    rows = []
    for model, one in found["models"].items():
        for camera, row in one["cameras"].items():
            places = {phrase: _shown(place) for phrase, place in row["localised"].items()}
            read = _shown(row["read"]) if "read" in row else ""
            cells = [places.get(phrase, "") for phrase in _phrases(found)]
            rows.append((model, camera, one["parameters"], _shown(row["by_image"]), _shown(row["by_text"]), *cells, read))
    names = (f"{found['boards']} boards of {found['side']}x{found['side']}", "camera", "parameters", "text of image")
    return grid((*names, "image of text", *_phrases(found), "read exactly"), rows)


def _phrases(found: dict[str, Any]) -> list[str]:
    cameras = (row for one in found["models"].values() for row in one["cameras"].values())
    return list(next(cameras)["localised"])


def _shown(one: dict[str, float]) -> str:
    return f"{one['share']:.1%} [{one['low']:.1%}, {one['high']:.1%}]"
