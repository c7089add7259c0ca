"""Training of the small Gemma from scratch: picture to board, and picture to move, by the answers' cross-entropy alone.

Each step shows one batch of pictures to be read and one to be played. A prompt is always the same but for its picture, so
prompts and answers have fixed lengths, and only an answer's tokens are scored. Answers are given (teacher forcing), but for
some signs that are exchanged. A board's answer has a token per cell at a fixed distance from the cell's image token
(`words`). The number of steps is fixed.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ouroloop.atomic import whole_directory
from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import torch_threads
from ouroloop.perception.config import perfect
from ouroloop.perception.gemma.asking import Asker, followed
from ouroloop.perception.gemma.config import CARD, GemmaCard, GemmaConfig
from ouroloop.perception.gemma.eyes import GemmaPlayer, GemmaReader
from ouroloop.perception.gemma.forms import Form, board_form, move_words
from ouroloop.perception.gemma.lessons import Lessons, gather
from ouroloop.perception.gemma.loading import Gemma, quiet
from ouroloop.perception.gemma.small import save_checkpoint, small_model, small_processor
from ouroloop.perception.gemma.words import TURN_ENDS, short_questions
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task

Progress: TypeAlias = Callable[[str, float, dict[str, float]], None]
"""Called with a phase's name, its share done in [0, 1], and the current figures."""
WEIGHTS: Final = "model.safetensors"
REPORT_EVERY: Final = 10
"""Steps between two reports of progress."""
NORM: Final = 1.0
"""Largest norm of a step's gradient."""


@dataclass(frozen=True, slots=True)
class GemmaReport:
    """The result of a training.

    Args:
        steps: optimiser steps.
        parameters: trained numbers in the model.
        board_loss: mean cross-entropy of a board's token over the last steps, in nats.
        move_loss: mean cross-entropy of a move over the last steps, in nats, less the teacher's own entropy.
        exact: share of held-out boards read exactly from clean pictures.
        exact_seen: the same from pictures of the training's camera.
        alive: share of moves that do not lose at once, in clean pictures of held-out positions with such a move.
        seconds: wall time.
    """

    steps: int
    parameters: int
    board_loss: float
    move_loss: float
    exact: float
    exact_seen: float
    alive: float
    seconds: float


def train_gemma(task: Task, config: GemmaConfig, seed: int, out: Path, progress: Progress) -> GemmaReport:
    """Train a small Gemma for a task's boards, and write it to the directory `out` in the form of `save_pretrained`.

    Raises:
        UsageError: `out` exists, the game lacks sight, oracle or teachers, or its boards are too large.
        TrainingError: the loss is no longer finite.
        SurroundingsError: the disk is full, or `out` cannot be written.
    """
    started = time.monotonic()
    if out.exists():
        raise UsageError(f"the Gemma {out} exists already: delete it or name another place")
    generator = torch.Generator().manual_seed(derived_seed(seed, "gemma", "weights"))
    with torch_threads(config.threads):
        model = small_model(task, config, generator)
        gemma = Gemma(model, small_processor(task, config), "gemma3", str(out), "cpu", None)
        lessons = gather(task, config, derived_seed(seed, "gemma", "boards"), config.boards)
        losses = _fit(_Course.of(gemma, task, config, lessons, seed), generator, progress)
        model.eval().requires_grad_(False)
        held_out = gather(task, config, derived_seed(seed, "gemma", "held out"), config.held_out)
        card = _card(gemma, task, config, seed)
        exact, exact_seen, alive = _examined(Gemma(model, gemma.processor, "gemma3", str(out), "cpu", card), task, held_out)
    progress("reading", 1.0, {"exact": exact, "exact_seen": exact_seen, "alive": alive})
    card = card.model_copy(update={"exact": exact, "exact_seen": exact_seen, "alive": alive})
    _save(out, gemma, card)
    return GemmaReport(config.steps, card.parameters, *losses, exact, exact_seen, alive, time.monotonic() - started)


@dataclass(slots=True)
class _Course:
    """What a training draws its batches from.

    Args:
        boards: puts the question for a board. `moves`: that for a move.
        form: of a board's answer. `tokens`: (A,) of the moves. `end`: the token that ends an answer.
        camera: as the configuration says; each batch is seen by another of its kind.
    """

    gemma: Gemma
    config: GemmaConfig
    lessons: Lessons
    seed: int
    boards: Asker
    moves: Asker
    form: Form
    tokens: Tensor
    end: int
    camera: Camera
    recent: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, gemma: Gemma, task: Task, config: GemmaConfig, lessons: Lessons, seed: int) -> _Course:
        """Return the course of a fresh model."""
        tokenizer, asked = gemma.processor.tokenizer, short_questions()
        return cls(
            gemma,
            config,
            lessons,
            seed,
            Asker(gemma, asked.board),
            Asker(gemma, asked.move),
            board_form(tokenizer, sight_of(task)),
            torch.tensor(move_words(tokenizer, task)[1]),
            int(tokenizer.convert_tokens_to_ids(TURN_ENDS)),
            Camera(task, config.camera, derived_seed(seed, "gemma", "camera")),
        )

    def cameras(self, step: int) -> tuple[Camera, Camera]:
        """Return the two cameras of a step: the course's, whose noise and tilts are drawn from other seeds."""
        first, second = copy.copy(self.camera), copy.copy(self.camera)
        first.seed, second.seed = (derived_seed(self.seed, "gemma", "camera", step, which) for which in (0, 1))
        return first, second

    def board_loss(self, rows: NDArray[np.int64], camera: Camera) -> Tensor:
        """Return the mean cross-entropy of the answers' tokens, for the boards of these rows."""
        inputs = self.boards.inputs(camera.look(self.lessons.varied.take(rows)))
        classes = self.lessons.classes[rows]
        rng = np.random.default_rng(camera.seed)
        others = rng.integers(0, self.form.signs.shape[1], classes.shape)
        given = self.form.fill(np.where(rng.random(classes.shape) < self.config.doubt, others, classes))
        answer = functional.pad(torch.from_numpy(self.form.fill(classes)), (0, 1), value=self.end)
        logits = self._answered(followed(inputs, torch.from_numpy(given)), answer.shape[1])
        return functional.cross_entropy(logits.flatten(0, 1), answer.flatten())

    def move_loss(self, rows: NDArray[np.int64], camera: Camera) -> Tensor:
        """Return the mean cross-entropy of the moves of these rows, and of the token that ends the answer."""
        inputs = self.moves.inputs(camera.look(self.lessons.played.take(rows)))
        wanted = torch.from_numpy(self.lessons.moves[rows])
        answer = self.tokens[wanted.argmax(1)][:, None]
        logs = self._answered(followed(inputs, answer), 2).log_softmax(-1)
        surprise = -(wanted * logs[:, 0, self.tokens]).sum(1) - torch.special.entr(wanted).sum(1)
        return surprise.mean() - logs[:, 1, self.end].mean()

    def _answered(self, inputs: dict[str, Tensor], last: int) -> Tensor:
        """Return the logits at the last places: (B, last, V)."""
        logits: Tensor = self.gemma.model(**inputs, logits_to_keep=last, use_cache=False).logits
        return logits

    def note(self, **losses: Tensor) -> None:
        """Keep running means of a step's losses."""
        for name, loss in losses.items():
            value = float(loss.detach())
            before = self.recent.get(name, value)
            self.recent[name] = before + 0.05 * (value - before)


def _fit(course: _Course, generator: torch.Generator, progress: Progress) -> tuple[float, float]:
    """Train the model in place; return the mean losses of the last steps, of boards and of moves."""
    config, model = course.config, course.gemma.model
    model.train().requires_grad_(True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=config.steps + 1, pct_start=0.1)
    for step in range(config.steps):
        read, played = (
            torch.randint(len(course.lessons), (size,), generator=generator) for size in (config.batch, config.played)
        )
        cameras = course.cameras(step)
        with quiet():
            board, move = course.board_loss(read.numpy(), cameras[0]), course.move_loss(played.numpy(), cameras[1])
        loss = board + move
        if not bool(torch.isfinite(loss)):
            raise TrainingError(f"the Gemma's loss is {float(loss)} at step {step}: lower `rate` (now {config.rate})")
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), NORM)
        optimiser.step()
        schedule.step()
        course.note(board=board, move=move)
        if (step + 1) % REPORT_EVERY == 0:
            progress("training", (step + 1) / config.steps, dict(course.recent))
    return course.recent["board"], course.recent["move"]


def _examined(gemma: Gemma, task: Task, held_out: Lessons) -> tuple[float, float, float]:
    """Return the shares of boards read exactly, clean and as the training saw them, and of moves that do not lose at once."""
    card = gemma.card
    assert card is not None
    clean = Camera(task, perfect(cell_px=card.config.camera.cell_px))
    seen = Camera(task, card.config.camera, derived_seed(card.seed, "gemma", "held out"))
    reader = GemmaReader(gemma, task, threads=card.config.threads)
    exact = [float(reader.read(camera.look(held_out.varied)).exact(held_out.varied).mean()) for camera in (clean, seen)]
    player = GemmaPlayer(gemma, task, clean, threads=card.config.threads)
    chosen = player.logits(held_out.played).argmax(1)
    escapable = ~held_out.deadly.all(1)
    alive = ~held_out.deadly[np.arange(len(chosen)), chosen][escapable]
    return exact[0], exact[1], float(alive.mean()) if len(alive) else 1.0


def _card(gemma: Gemma, task: Task, config: GemmaConfig, seed: int) -> GemmaCard:
    """Return a card without its figures."""
    return GemmaCard(
        task=task.name,
        side=sight_of(task).side,
        seed=seed,
        parameters=sum(weight.numel() for weight in gemma.model.parameters()),
        questions=short_questions(),
        exact=0.0,
        exact_seen=0.0,
        alive=0.0,
        sha256="",
        config=config,
    )


def _save(out: Path, gemma: Gemma, card: GemmaCard) -> None:
    """Write the checkpoint and its card; the directory appears complete, or not at all."""
    try:
        with whole_directory(out, replace=False) as half, quiet():
            save_checkpoint(gemma.model, gemma.processor, half)
            digest = hashlib.sha256((half / WEIGHTS).read_bytes()).hexdigest()
            text = card.model_copy(update={"sha256": digest}).model_dump_json(indent=1)
            (half / CARD).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SurroundingsError(
            f"cannot write the Gemma {out}: {error.strerror}; free some space or choose another place"
        ) from error
