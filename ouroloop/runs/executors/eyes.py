"""The trainings of eyes: the board reader and the encoders, by the type of their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ouroloop.envs.registry import in_sizes, make_task
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.config import ReaderConfig
from ouroloop.perception.gemma.config import GemmaConfig
from ouroloop.perception.vae.config import VaeConfig

if TYPE_CHECKING:
    from ouroloop.envs.registry import TaskSettings
    from ouroloop.perception.training import Progress

EyeConfig: TypeAlias = ReaderConfig | ClipConfig | GemmaConfig | VaeConfig


def train_eye(settings: TaskSettings, config: EyeConfig, seed: int, out: Path, progress: Progress) -> dict[str, float]:
    """Train a reader or an encoder and write it to the folder `out`; return the figures of its report, see `figures`.

    Args:
        settings: the game; a reader is trained on the board sizes of its own settings.
        config: what to train, and how.
        seed: of everything random in it.
        out: the folder to make; it appears whole or not at all.
        progress: called now and then.

    Raises:
        UsageError: `out` exists, the game has no pictures, or the camera's look is held out.
        TrainingError: the loss is no longer finite.
        SurroundingsError: `out` cannot be written.
    """
    return figures(_trained(settings, config, seed, out, progress))


def _trained(settings: TaskSettings, config: EyeConfig, seed: int, out: Path, progress: Progress) -> Any:
    if isinstance(config, ReaderConfig):
        from ouroloop.perception.training import train_reader

        return train_reader(in_sizes(settings, config.sizes), config, seed, out, progress)
    from ouroloop.perception.learning.looks import check_look

    task = make_task(settings)
    check_look(task, config.camera)
    if isinstance(config, ClipConfig):
        from ouroloop.perception.clip.training import train_clip

        return train_clip(task, config, seed, out, progress)
    if isinstance(config, GemmaConfig):
        from ouroloop.perception.gemma.training import train_gemma

        return train_gemma(task, config, seed, out, progress)
    from ouroloop.perception.vae.training import train_vae

    return train_vae(task, config, seed, out, progress)


def figures(report: Any) -> dict[str, float]:
    """Return the numbers of a report by their names, whole ones as `int`.

    A table's numbers are named by their keys: `localised at the apple`, or `exact at 6` for the field `exact` of a record.
    """
    return dict(_numbers(report, ""))


def _numbers(record: Any, where: str) -> Iterator[tuple[str, float]]:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, int | float):
            yield f"{field.name}{where}", value
        elif isinstance(value, Mapping):
            for key, part in value.items():
                if is_dataclass(part):
                    yield from _numbers(part, f"{where} at {key}")
                else:
                    yield f"{field.name}{where} at {key}", float(part)
