"""The section `clip` of `ouroloop bench perception`: our small CLIP, and an untrained ViT-B-32 through the same code.

Pictures and texts find each other among 1024 boards, of two kinds. Of many positions: about 32 lie within three cells of each
of 32 positions, so a board has about 31 near rivals. Of one position: all lie within three cells of it, so all are near rivals.
Some positions are harder than others, so the second is measured for several, each by itself.
"""

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
from ouroloop.perception.clip.states import family, gallery
from ouroloop.perception.clip.training import CARD, train_clip
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.encoders import evenly
from ouroloop.perception.learning.positions import varied
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from rich.table import Table

    from ouroloop.perception.clip.model import Clip
    from ouroloop.protocols.records import Observations

SIDE: Final = 6
BOARDS: Final = 1024
"""Boards among which each finds its own."""
POSITIONS: Final = 32
"""Positions of the first kind; late ones have few neighbours, and early ones the more boards."""
ALONE: Final = 8
"""Positions of the second kind, from the first half of the game: later ones have too few neighbours."""
PLACES: Final = 256
"""Boards in which phrases are found, and which are read."""
CAMERAS: Final = {"clean": perfect(), "default": CameraConfig()}
OTHER: Final = "ViT-B-32"
SHIPPED: Final = "snake-clip"
RETRIEVED: Final = {
    "by_image": "text of image, many positions",
    "by_text": "image of text, many positions",
}
"""Key of a share -> the heading of its column."""
ALIKE: Final = {"by_image_alike": "text of image, one position", "by_text_alike": "image of text, one position"}
"""Likewise, of the shares for each of several positions."""


def measure(report: Report, seed: int) -> dict[str, Any]:
    """Return what both models are worth; see the module.

    The untrained model sees the first kind alone, through the default camera: each picture takes it a hundred times as long.
    """
    task = SnakeTask(SIDE)
    boards, alike = sets(task, seed)
    found: dict[str, Any] = {"side": SIDE, "boards": BOARDS, "positions": POSITIONS, "places": PLACES, "models": {}}
    with own_clip(task, seed, report) as folder:
        clip = load_clip(folder)
        own = worth(clip, task, boards, seed, CAMERAS, alike)
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


def sets(task: SnakeTask, seed: int) -> tuple[Observations, list[Observations]]:
    """Return boards of many positions, and for each of a few positions boards of it alone."""
    seeds = {name: derived_seed(seed, "bench", "clip", name) for name in ("positions", "nudges", "families")}
    positions = varied(task, seeds["positions"], POSITIONS)
    boards = gallery(task.sight, positions, BOARDS, np.random.default_rng(seeds["nudges"]))
    rng, early = np.random.default_rng(seeds["families"]), evenly(positions.take(slice(0, POSITIONS // 2 + 1)), ALONE)
    return boards, [family(task.sight, early.take([row]), BOARDS, rng) for row in range(ALONE)]


def worth(
    clip: Clip,
    task: SnakeTask,
    boards: Observations,
    seed: int,
    cameras: dict[str, CameraConfig],
    alike: Sequence[Observations] = (),
) -> dict[str, Any]:
    """Return a model's size and, for each camera, its retrieval among boards and its localisation in some of them.

    Args:
        clip: the model.
        task: the game.
        boards: of many positions.
        seed: of the cameras.
        cameras: their settings by name.
        alike: boards of one position each, among which retrieval is measured too.
    """
    rows: dict[str, Any] = {}
    for name, config in cameras.items():
        camera = Camera(task, config, seed)
        hits = retrieve(clip, camera, boards)
        near = [retrieve(clip, camera, some) for some in alike]
        places = localisations(clip, camera, boards.take(slice(0, PLACES)))
        rows[name] = {
            "by_image": share(hits.by_image),
            "by_text": share(hits.by_text),
            "by_image_alike": [round(float(one.by_image.mean()), 4) for one in near],
            "by_text_alike": [round(float(one.by_text.mean()), 4) for one in near],
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
    """Return the measures of each model behind each camera; retrieval among boards of many positions, and of one."""
    rows = []
    for model, one in found["models"].items():
        for camera, row in one["cameras"].items():
            places = {phrase: _shown(place) for phrase, place in row["localised"].items()}
            shares = [*(_shown(row[name]) for name in RETRIEVED), *(_ranged(row[name]) for name in ALIKE)]
            cells = [places.get(phrase, "") for phrase in _phrases(found)]
            read = _shown(row["read"]) if "read" in row else ""
            rows.append((model, camera, one["parameters"], *shares, *cells, read))
    names = (f"{found['boards']} boards of {found['side']}x{found['side']}", "camera", "parameters")
    return grid((*names, *RETRIEVED.values(), *ALIKE.values(), *_phrases(found), "read exactly"), rows)


def _phrases(found: dict[str, Any]) -> list[str]:
    cameras = (row for one in found["models"].values() for row in one["cameras"].values())
    return list(next(cameras)["localised"])


def _shown(one: dict[str, float]) -> str:
    return f"{one['share']:.1%} [{one['low']:.1%}, {one['high']:.1%}]"


def _ranged(shares: list[float]) -> str:
    """Return the mean of shares and their range; they differ more than an interval of each would tell."""
    return f"{np.mean(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})" if shares else ""
