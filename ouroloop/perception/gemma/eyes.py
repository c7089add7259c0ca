"""A Gemma as reader, picture to board, and as player, picture to move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import check_pictures, torch_threads
from ouroloop.perception.gemma.asking import Asker
from ouroloop.perception.gemma.config import Way
from ouroloop.perception.gemma.forms import board_form, move_words
from ouroloop.perception.gemma.loading import check_trained_for
from ouroloop.perception.gemma.replies import Replies, certainty, read_reply
from ouroloop.perception.gemma.words import full_board_question, full_move_question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.perception.gemma.loading import Gemma
    from ouroloop.protocols.ports import Reading, Task
    from ouroloop.protocols.records import Observations

BATCH: Final = 64
"""Pictures that go through a small model at once."""
ROOM: Final = 64
"""Tokens that a free reply may have besides two for each cell."""


class GemmaReader:
    """Reads boards from pictures by asking for them as JSON."""

    def __init__(
        self, gemma: Gemma, task: Task, *, way: Way = "parallel", cell_px: int = 8, batch: int = BATCH, threads: int = 1
    ) -> None:
        """Prepare to read a task's boards.

        Args:
            gemma: any checkpoint; one of ours must have been trained for this game and side.
            task: the game.
            way: how replies are made; see `asking`.
            cell_px: pixels of a cell in the pictures; a checkpoint of ours has its own.
            batch: pictures that are read at once.
            threads: torch's threads.

        Raises:
            UsageError: the checkpoint was trained for another game or side, or its tokenizer lacks signs.
        """
        check_trained_for(gemma.card, gemma.name, task)
        self.cell_px = gemma.card.config.camera.cell_px if gemma.card else cell_px
        self.replies = Replies()
        self._sight, self._way, self._batch, self._threads = sight_of(task), way, batch, threads
        tokenizer = gemma.processor.tokenizer
        self._form = board_form(tokenizer, self._sight) if way != "free" else None
        self._asker = Asker(gemma, board_question(gemma, task))

    def read(self, pixels: NDArray[np.uint8]) -> Reading:
        """Return the positions that pictures (B, H, H, 3) uint8 show; replies of another form are counted and repaired.

        Raises:
            UsageError: the pictures have another form.
        """
        return self._sight.decode(self.probabilities(pixels))

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the class probabilities of each cell: (B, side * side, classes) float32; see `read`.

        They are the model's own, unless it writes freely: then its reply is all there is.
        """
        check_pictures(pixels, self._sight.side)
        none = np.zeros((0, self._sight.side**2, self._sight.classes), np.float32)
        with torch_threads(self._threads):
            parts = [self._read(pixels[at : at + self._batch]) for at in range(0, len(pixels), self._batch)]
        return np.concatenate([none, *parts])

    def _read(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._form is None:
            texts = self._asker.write(pixels, 2 * self._sight.side**2 + ROOM)
            read = [read_reply(text, self._sight) for text in texts]
            self.replies = self.replies.plus(np.array([valid for _, valid in read]))
            return certainty(np.stack([classes for classes, _ in read]), self._sight.classes)
        self.replies = self.replies.plus(np.ones(len(pixels), np.bool_))
        return (self._asker.parallel if self._way == "parallel" else self._asker.forced)(pixels, self._form)


class GemmaPlayer:
    """Plays by asking for a move; a `ports.Policy`."""

    def __init__(self, gemma: Gemma, task: Task, camera: Camera, *, batch: int = BATCH, threads: int = 1) -> None:
        """Prepare to play a task.

        Args:
            gemma: any checkpoint; one of ours must have been trained for this game and side.
            task: the game.
            camera: takes the pictures.
            batch: pictures that are looked at at once.
            threads: torch's threads.

        Raises:
            UsageError: the checkpoint was trained for another game or side, or its tokenizer has no tokens for the moves.
        """
        check_trained_for(gemma.card, gemma.name, task)
        self.camera = camera
        self._batch, self._threads = batch, threads
        _, self._tokens = move_words(gemma.processor.tokenizer, task)
        self._asker = Asker(gemma, move_question(gemma, task))

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the logits of the tokens that stand for the actions: (B, A) float32; no other token counts.

        Observations with a `scene` are seen as the scene is.
        """
        scene = observations.scene or observations
        with torch_threads(self._threads):
            parts = [self._rate(scene.take(slice(at, at + self._batch))) for at in range(0, len(scene), self._batch)]
        return np.concatenate([np.zeros((0, len(self._tokens)), np.float32), *parts])

    def _rate(self, observations: Observations) -> NDArray[np.float32]:
        return self._asker.rate(self.camera.look(observations), self._tokens)


def board_question(gemma: Gemma, task: Task) -> str:
    """Return what a checkpoint was trained to be asked for a board, or a full question for a checkpoint of others."""
    return full_board_question(task) if gemma.card is None else gemma.card.questions.board


def move_question(gemma: Gemma, task: Task) -> str:
    """Return what a checkpoint was trained to be asked for a move, or a full question for a checkpoint of others.

    Raises:
        UsageError: its tokenizer has no tokens for the moves.
    """
    if gemma.card is not None:
        return gemma.card.questions.move
    return full_move_question(task, move_words(gemma.processor.tokenizer, task)[0])
