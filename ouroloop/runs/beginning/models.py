"""The models that a run begins with: each is trained in a child process, unless an identical training left it in the cache."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.cached import MANIFEST, is_sound, new_entry
from ouroloop.policy.sft.config import SftConfig
from ouroloop.protocols.canonical import content_hash, sha256
from ouroloop.protocols.errors import SurroundingsError, TrainingError
from ouroloop.runs.cache import model_cache
from ouroloop.runs.executors.local import Job

if TYPE_CHECKING:
    from ouroloop.policy.fusion.config import FusionConfig
    from ouroloop.runs.context import Run
    from ouroloop.runs.executors.local import Config


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model to be trained.

    Args:
        kind: its name in the progress display.
        config: what to train, and how.
        seed: of everything random in it.
        parts: the folders of the package whose code makes it.
        eye: hash of the eye that a policy looks through; None for models that read, or see by themselves.
        body: hash of the policy with whose weights one begins that learns to see; None for a new body.
        fusion: how a policy that sees reads latents.
    """

    kind: str
    config: Config
    seed: int
    parts: tuple[str, ...]
    eye: str | None = None
    body: str | None = None
    fusion: FusionConfig | None = None


def trained(run: Run, wanted: Wanted) -> str:
    """Train a model, or take the one that an identical training left in the cache; return its hash in the store."""
    key, cached, out = _key(run, wanted), _cache(run), run.store.scratch_dir() / wanted.kind
    if cached and is_sound(cached / key):
        shutil.copytree(cached / key, out, ignore=shutil.ignore_patterns(MANIFEST))
    else:
        _, health = next(run.trainers.run([_job(run, wanted, out)], run.progress.advance))
        if isinstance(health, TrainingError):
            raise health
        if cached:
            cache_model(out, cached / key)
    digest = run.store.put_dir(out)
    shutil.rmtree(out.parent, ignore_errors=True)
    return digest


def _key(run: Run, wanted: Wanted) -> str:
    """Return the hash of everything that makes a model."""
    return content_hash(
        [
            wanted.kind,
            wanted.config.model_dump(mode="json"),
            base_fingerprint(wanted.config),
            wanted.seed,
            run.recipe.task.model_dump(),
            run.recipe.threads,
            [source_hash(part) for part in (*wanted.parts, "envs")],
            [wanted.eye, wanted.body, None if wanted.fusion is None else wanted.fusion.model_dump(mode="json")],
            version("torch"),
        ]
    )


def _job(run: Run, wanted: Wanted, out: Path) -> Job:
    return Job(
        wanted.kind,
        run.recipe.task,
        wanted.config,
        wanted.seed,
        out,
        run.trainers.threads(run.recipe.threads),
        start=None if wanted.body is None else run.store.directory(wanted.body),
        eye=None if wanted.eye is None else run.store.directory(wanted.eye),
        fusion=wanted.fusion,
    )


def _cache(run: Run) -> Path | None:
    """Return the folder of cached models; None, and a note, if it cannot be trusted."""
    try:
        return model_cache()
    except SurroundingsError as error:
        run.progress.note(f"{error}. Until then each run trains its start models anew")
        return None


def base_fingerprint(config: Config) -> str:
    """Return the fingerprint of a training's base, which changes if other files take its place; empty without a base."""
    if not isinstance(config, SftConfig) or not config.base:
        return ""
    from ouroloop.policy.bases.origin import find_checkpoint

    return find_checkpoint(config.base)[1].fingerprint


def cache_model(folder: Path, cached: Path) -> None:
    """Copy a finished model into the cache, whole or not at all. It is no error if the cache cannot be written."""
    with suppress(OSError), new_entry(cached, replace=False) as half:
        shutil.copytree(folder, half, dirs_exist_ok=True)


def source_hash(part: str) -> str:
    """Return the hash of a part's source files, because a model made by other code is another model."""
    folder = Path(__file__).parents[2] / part
    return content_hash([[str(p.relative_to(folder)), sha256(p.read_bytes())] for p in sorted(folder.rglob("*.py"))])
