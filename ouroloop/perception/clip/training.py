"""Training of the small CLIP, from scratch: pictures and texts of the same boards are drawn together (Radford et al. 2021).

Each step sees positions of the task and, for each, others that differ from it in one to three cells. They are in the same
batch, so that open_clip's symmetric loss can only fall by reading every cell. `losses` tells what else is trained.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import torch

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import torch_threads
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.clip.encoding import ClipEncoder, scaled_encoder
from ouroloop.perception.clip.losses import StateCode, losses
from ouroloop.perception.clip.measures import localisations, retrieve
from ouroloop.perception.clip.model import Clip, ready
from ouroloop.perception.clip.reading import ClipReader, Readout, fit_readout
from ouroloop.perception.clip.small import build, settings
from ouroloop.perception.clip.states import gallery, grouped, texts_of
from ouroloop.perception.clip.words import build_tokenizer
from ouroloop.perception.encoders import evenly, reseeded, written
from ouroloop.perception.learning.fitting import descend
from ouroloop.perception.learning.positions import varied
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from ouroloop.perception.training import Progress
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

CARD: Final = "clip.json"
SPARE: Final = 8
"""Tokens of the context beyond the longest text that was seen."""
LARGEST_SCALE: Final = math.log(100)
"""CLIP's bound for the logarithm of its learnt scale."""
HELD_OUT: Final = 512
"""Boards that measure the trained model."""
FAMILY: Final = 16
"""Boards of these that are made of one position."""
READ: Final = 1024
"""Boards on which the read-out is fitted."""


@dataclass(frozen=True, slots=True)
class ClipReport:
    """The result of a training; the figures are of held-out boards, in the camera's pictures.

    Args:
        steps: optimiser steps.
        parameters: trained numbers.
        loss: mean of CLIP's loss over the last steps, in nats; chance is the logarithm of a batch's size.
        by_image: share of images whose own text is nearest, among boards that differ in one to three cells from another.
        by_text: share of texts whose own image is nearest.
        localised: phrase -> share of boards whose best cell is one that the phrase names.
        exact: share of boards that are read exactly out of the latents.
        seconds: wall time.
    """

    steps: int
    parameters: int
    loss: float
    by_image: float
    by_text: float
    localised: Mapping[str, float]
    exact: float
    seconds: float


class ClipCard(Frozen):
    """The contents of `clip.json`: what a small CLIP was trained on, and what it is worth; see `ClipReport`."""

    format: Literal["ouroloop-clip/1"] = "ouroloop-clip/1"
    task: str
    side: int
    seed: int
    parameters: int
    loss: float
    by_image: float
    by_text: float
    localised: dict[str, float]
    exact: float
    config: ClipConfig


def train_clip(task: Task, config: ClipConfig, seed: int, out: Path, progress: Progress) -> ClipReport:
    """Train a small CLIP for a task's boards and write it to the directory `out`.

    The directory is in open_clip's format; `load_clip`, `load_encoder` and `load_clip_reader` read it.

    Raises:
        UsageError: `out` exists, the game has no sight, or the configuration contradicts itself.
        TrainingError: the loss is no longer finite.
        SurroundingsError: the disk is full, or `out` cannot be written.
    """
    started = time.monotonic()
    if out.exists():
        raise UsageError(f"the CLIP {out} exists already: delete it or name another place")
    sight = sight_of(task)
    camera = Camera(task, config.camera, derived_seed(seed, "clip", "camera"))
    with torch_threads(config.threads):
        positions = varied(task, derived_seed(seed, "clip", "boards"), config.boards)
        clip = _untrained(task, config, positions, seed)
        loss = _fit(clip, camera, positions, config, seed, progress)
    clip.model.eval().requires_grad_(False)
    encoder, readout = _read_out(clip, camera, positions)
    held_out = _held_out(task, seed)
    reader = ClipReader(encoder, readout, sight, config.camera.cell_px)
    found = retrieve(clip, camera, held_out, config.states)
    localised = {phrase: float(one.hits.mean()) for phrase, one in localisations(clip, camera, held_out).items()}
    card = ClipCard(
        task=task.name,
        side=sight.side,
        seed=seed,
        parameters=sum(weight.numel() for weight in clip.model.parameters()),
        loss=loss,
        by_image=float(found.by_image.mean()),
        by_text=float(found.by_text.mean()),
        localised=localised,
        exact=float(reader.read(camera.look(held_out)).exact(held_out).mean()),
        config=config,
    )
    progress("measuring", 1.0, {"by_image": card.by_image, "by_text": card.by_text, "exact": card.exact})
    with written(out, "the CLIP") as half:
        encoder.write(half)
        readout.save(half)
        (half / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    seconds = time.monotonic() - started
    return ClipReport(config.steps, card.parameters, loss, card.by_image, card.by_text, localised, card.exact, seconds)


def _untrained(task: Task, config: ClipConfig, positions: Observations, seed: int) -> Clip:
    """Return the model of a configuration, with a vocabulary of the words that tell these positions and others near them."""
    sight = sight_of(task)
    near = sight.nudge(positions, np.random.default_rng(derived_seed(seed, "clip", "words")))
    texts = [*texts_of(task, positions, config.states), *texts_of(task, near, config.states), *sight.phrases]
    tokenizer = build_tokenizer(texts)
    context = max(len(ids) for ids in tokenizer(texts).input_ids) + SPARE
    made = settings(config, sight.side, len(tokenizer), context)
    model = build(made["model_cfg"], derived_seed(seed, "clip", "weights"))
    return ready(f"{task.name} {sight.side}x{sight.side}", model, made, Words(tokenizer, context))


class Words:
    """The small CLIP's tokenizer with its context."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, context: int) -> None:
        """Keep the tokenizer, and the number of tokens of a text."""
        self._tokenizer, self._context = tokenizer, context

    def __call__(self, texts: Any) -> torch.Tensor:
        """Return the ids of texts: (N, context) int64, padded on the right."""
        done = self._tokenizer(
            list(texts), return_tensors="pt", padding="max_length", truncation=True, max_length=self._context
        )
        ids: torch.Tensor = done.input_ids
        return ids

    def save_pretrained(self, folder: str) -> None:
        """Write the tokenizer's files."""
        self._tokenizer.save_pretrained(folder)


def _fit(clip: Clip, camera: Camera, positions: Observations, config: ClipConfig, seed: int, progress: Progress) -> float:
    """Train the model in place; return the mean of CLIP's loss over the last steps."""
    model, sight = clip.model.train().requires_grad_(True), camera.sight
    generator = torch.Generator().manual_seed(derived_seed(seed, "clip", "code"))
    code = StateCode(sight.side**2, sight.classes, clip.width, generator)
    found = descend(
        _by_decay([*model.parameters(), *code.parameters()]),
        _losses(clip, code, camera, positions, config, seed),
        config.steps,
        config.rate,
        lambda share, figures: progress("training", share, figures),
        whose="CLIP's",
        second_beta=0.98,
        after=lambda: _bound(model.logit_scale),
    )
    return found["contrast"]


def _losses(
    clip: Clip, code: StateCode, camera: Camera, positions: Observations, config: ClipConfig, seed: int
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the losses of a step at a time, times their weights; each step has noise of its own."""
    rng = np.random.default_rng(derived_seed(seed, "clip", "steps"))
    weights = {"contrast": 1.0, "bridge": config.bridge, "dense": config.dense}
    for step in range(config.steps):
        rows = rng.integers(len(positions), size=config.groups)
        boards = grouped(camera.sight, positions.take(rows), config.group, rng)
        found = losses(clip, code, reseeded(camera, derived_seed(seed, "clip", "camera", step)), boards, config.states)
        yield {name: weights[name] * loss for name, loss in found.items()}


@torch.no_grad()  # type: ignore[untyped-decorator]
def _bound(scale: torch.nn.Parameter) -> None:
    """Keep the logarithm of CLIP's scale within its bounds, in place."""
    scale.clamp_(0.0, LARGEST_SCALE)


def _by_decay(weights: list[torch.nn.Parameter]) -> list[dict[str, Any]]:
    """Return weights as AdamW takes them: matrices decay, norms, biases and the scale do not."""
    matrices, others = [one for one in weights if one.ndim > 1], [one for one in weights if one.ndim <= 1]
    return [{"params": matrices}, {"params": others, "weight_decay": 0.0}]


def _read_out(clip: Clip, camera: Camera, positions: Observations) -> tuple[ClipEncoder, Readout]:
    """Return an encoder scaled by pictures of the training's positions, of all phases alike, and a read-out fitted on them."""
    some = evenly(positions, READ)
    encoder = scaled_encoder(clip, camera.look(some), camera.sight.side, camera.task.name)
    return encoder, fit_readout(encoder, camera, some)


def _held_out(task: Task, seed: int) -> Observations:
    """Return boards that all look different, in families that differ in one to three cells."""
    positions = varied(task, derived_seed(seed, "clip", "held out"), HELD_OUT // FAMILY)
    return gallery(sight_of(task), positions, HELD_OUT, np.random.default_rng(derived_seed(seed, "clip", "nudges")))
