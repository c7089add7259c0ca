"""Training of the small Gemma from scratch: picture to board, and picture to move, by the answers' cross-entropy alone.

Each step shows one batch of pictures to be read and one to be played. A prompt is always the same but for its picture, so
prompts and answers have fixed lengths, and only an answer's tokens are scored. Answers are given (teacher forcing), but for
some signs that are exchanged. A board's answer has a token per cell at a fixed distance from the cell's image token
(`words`). The number of steps is fixed.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import torch_threads
from ouroloop.perception.config import perfect
from ouroloop.perception.encoders import reseeded, written
from ouroloop.perception.gemma.asking import Asker, followed
from ouroloop.perception.gemma.config import CARD, WEIGHTS, GemmaCard, GemmaConfig
from ouroloop.perception.gemma.eyes import GemmaPlayer, GemmaReader
from ouroloop.perception.gemma.forms import Form, board_form, move_words
from ouroloop.perception.gemma.lessons import Lessons, gather
from ouroloop.perception.gemma.loading import Gemma, quiet
from ouroloop.perception.gemma.small import save_checkpoint, small_model, small_processor
from ouroloop.perception.gemma.words import TURN_ENDS, short_questions
from ouroloop.perception.learning.fitting import descend
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.perception.training import Progress
    from ouroloop.protocols.ports import Task


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
    with torch_threads(config.threads):
        model = small_model(task, config, torch.Generator().manual_seed(derived_seed(seed, "gemma", "weights")))
        gemma = Gemma(model, small_processor(task, config), "gemma3", str(out), "cpu", None)
        lessons = gather(task, config, derived_seed(seed, "gemma", "boards"), config.boards)
        losses = _fit(_Course.of(gemma, task, config, lessons, seed), progress)
        model.eval().requires_grad_(False)
        held_out = gather(task, config, derived_seed(seed, "gemma", "held out"), config.held_out)
        card = _card(gemma, task, config, seed)
        exact, exact_seen, alive = _examined(Gemma(model, gemma.processor, "gemma3", str(out), "cpu", card), task, held_out)
    progress("reading", 1.0, {"exact": exact, "exact_seen": exact_seen, "alive": alive})
    card = card.model_copy(update={"exact": exact, "exact_seen": exact_seen, "alive": alive})
    with written(out, "the Gemma") as half, quiet():
        save_checkpoint(gemma.model, gemma.processor, half)
        digest = hashlib.sha256((half / WEIGHTS).read_bytes()).hexdigest()
        text = card.model_copy(update={"sha256": digest}).model_dump_json(indent=1)
        (half / CARD).write_text(text, encoding="utf-8")
    return GemmaReport(config.steps, card.parameters, *losses, exact, exact_seen, alive, time.monotonic() - started)


@dataclass(slots=True)
class _Course:
    """What a training draws its batches from.

    Args:
        boards: puts the question for a board. `moves`: that for a move.
        form: of a board's answer. `tokens`: (A,) of the moves. `end`: the token that ends an answer.
        camera: as the configuration says; each batch is seen by another of its kind (`reseeded`).
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

    def losses(self) -> Iterator[dict[str, Tensor]]:
        """Yield the losses of a step at a time: of boards and of moves, each seen with noise of their own."""
        size, config = len(self.lessons), self.config
        generator = torch.Generator().manual_seed(derived_seed(self.seed, "gemma", "steps"))
        for step in range(config.steps):
            read, played = (torch.randint(size, (count,), generator=generator) for count in (config.batch, config.played))
            seeds = (derived_seed(self.seed, "gemma", "camera", step, which) for which in ("read", "played"))
            first, second = (reseeded(self.camera, seed) for seed in seeds)
            rng = np.random.default_rng(derived_seed(self.seed, "gemma", "doubt", step))
            with quiet():
                found = {"board": self.board_loss(read.numpy(), first, rng), "move": self.move_loss(played.numpy(), second)}
            yield found

    def board_loss(self, rows: NDArray[np.int64], camera: Camera, rng: np.random.Generator) -> Tensor:
        """Return the mean cross-entropy of the answers' tokens, for the boards of these rows."""
        inputs = self.boards.inputs(camera.look(self.lessons.varied.take(rows)))
        classes = self.lessons.classes[rows]
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


def _fit(course: _Course, progress: Progress) -> tuple[float, float]:
    """Train the model in place; return the mean losses of the last steps, of boards and of moves."""
    model = course.gemma.model
    found = descend(
        model.train().requires_grad_(True).parameters(),
        course.losses(),
        course.config.steps,
        course.config.rate,
        lambda share, figures: progress("training", share, figures),
        whose="the Gemma's",
        second_beta=0.98,
    )
    return found["board"], found["move"]


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
