"""Training of the small CLIP, from scratch: pictures and texts of the same boards are drawn together (Radford et al. 2021).

Each step sees positions of the task and, for each, others that differ from it in one to three cells. They are in the same
batch, so that open_clip's symmetric loss can only fall by reading every cell. `losses` tells what else is trained.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import torch

from ouroloop.atomic import whole_directory
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
from ouroloop.perception.learning.positions import varied
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

Progress: TypeAlias = Callable[[str, float, dict[str, float]], None]
"""Called with a phase's name, its share done in [0, 1], and the current figures."""

CARD: Final = "clip.json"
SPARE: Final = 8
"""Tokens of the context beyond the longest text that was seen."""
DECAY: Final = 0.01
"""AdamW's weight decay of matrices."""
LARGEST_SCALE: Final = math.log(100)
"""CLIP's bound for the logarithm of its learnt scale."""
HELD_OUT: Final = 512
"""Boards that measure the trained model."""
FAMILY: Final = 16
"""Boards of these that are made of one position."""
READ: Final = 1024
"""Boards on which the read-out is fitted."""
REPORT_EVERY: Final = 20
"""Steps between two reports of progress."""


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
    _save(out, encoder, readout, card)
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
    weights = [*model.parameters(), *code.parameters()]
    optimiser = torch.optim.AdamW(_by_decay(weights), lr=config.rate, betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=config.steps + 1, pct_start=0.1)
    rng = np.random.default_rng(derived_seed(seed, "clip", "steps"))
    recent: dict[str, float] = {}
    for step in range(config.steps):
        rows = rng.integers(len(positions), size=config.groups)
        boards = grouped(sight, positions.take(rows), config.group, rng)
        found = losses(clip, code, camera, boards, config.states)
        optimiser.zero_grad()
        (found["contrast"] + config.bridge * found["bridge"] + config.dense * found["dense"]).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0.0, LARGEST_SCALE)
        now = {name: float(value.detach()) for name, value in found.items()}
        recent = {name: recent.get(name, value) + 0.1 * (value - recent.get(name, value)) for name, value in now.items()}
        if not all(map(math.isfinite, now.values())):
            raise TrainingError(f"CLIP's loss is {now['contrast']} at step {step}: lower `rate` (now {config.rate})")
        if (step + 1) % REPORT_EVERY == 0:
            progress("training", (step + 1) / config.steps, recent)
    return recent["contrast"]


def _by_decay(weights: list[torch.nn.Parameter]) -> list[dict[str, Any]]:
    """Return weights as AdamW takes them: matrices decay, norms, biases and the scale do not."""
    matrices, others = [one for one in weights if one.ndim > 1], [one for one in weights if one.ndim <= 1]
    return [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]


def _read_out(clip: Clip, camera: Camera, positions: Observations) -> tuple[ClipEncoder, Readout]:
    """Return an encoder scaled by pictures of the training's positions, and a read-out fitted on them."""
    some = positions.take(slice(0, READ))
    encoder = scaled_encoder(clip, camera.look(some), camera.sight.side)
    return encoder, fit_readout(encoder, camera, some)


def _held_out(task: Task, seed: int) -> Observations:
    """Return boards that all look different, in families that differ in one to three cells."""
    place = derived_seed(seed, "clip", "held out")
    return gallery(sight_of(task), varied(task, place, HELD_OUT // FAMILY), HELD_OUT, np.random.default_rng(place))


def _save(out: Path, encoder: ClipEncoder, readout: Readout, card: ClipCard) -> None:
    try:
        with whole_directory(out, replace=False) as half:
            encoder.write(half)
            readout.save(half)
            (half / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    except OSError as error:
        raise SurroundingsError(
            f"cannot write the CLIP {out}: {error.strerror or error}; free some space or choose another place"
        ) from error
