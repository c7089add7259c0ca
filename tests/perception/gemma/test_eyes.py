"""Reader and player: three ways to the same reply, repaired replies, and moves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import perfect
from ouroloop.perception.gemma import eyes
from ouroloop.perception.gemma.eyes import GemmaPlayer, GemmaReader
from ouroloop.perception.gemma.forms import board_form
from ouroloop.perception.gemma.loading import load_gemma
from ouroloop.perception.gemma.replies import Replies
from ouroloop.protocols.errors import UsageError
from tests.perception.gemma.conftest import TASK

CLEAN = Camera(TASK, perfect())
SEEN = TASK.positions(77, 40).observations()


@pytest.fixture(scope="module")
def gemma(trained):
    """Return the small Gemma, loaded."""
    return load_gemma(trained[0])


def test_boards_are_read_as_well_as_the_card_says(gemma):
    reader = GemmaReader(gemma, TASK)
    assert reader.cell_px == 8
    assert reader.read(CLEAN.look(SEEN)).exact(SEEN).mean() > 0.5
    assert reader.replies == Replies(40, 40)
    assert len(reader.read(CLEAN.look(SEEN.take(slice(0, 0))))) == 0


def test_a_parallel_reply_is_the_one_that_comes_token_by_token(gemma):
    pixels = CLEAN.look(SEEN)
    noise = np.random.default_rng(0).integers(0, 256, pixels[:20].shape, dtype=np.uint8)
    for pictures in (pixels, noise):  # on noise the model is unsure, so that a sign depends on those before it
        parallel = GemmaReader(gemma, TASK).probabilities(pictures)
        forced = GemmaReader(gemma, TASK, way="forced").probabilities(pictures)
        assert np.abs(parallel - forced).max() < 1e-3
    small = GemmaReader(gemma, TASK, batch=7).probabilities(pixels)
    assert np.abs(small - GemmaReader(gemma, TASK).probabilities(pixels)).max() < 1e-4


def test_a_free_reply_is_valid_json_for_a_model_that_has_learned_it(gemma):
    reader = GemmaReader(gemma, TASK, way="free")
    chosen = reader.probabilities(CLEAN.look(SEEN)).argmax(-1)
    assert reader.replies == Replies(40, 40)
    assert (chosen == GemmaReader(gemma, TASK).probabilities(CLEAN.look(SEEN)).argmax(-1)).mean() > 0.99


def test_a_move_is_rated_by_its_token_and_follows_from_the_scene(gemma):
    player = GemmaPlayer(gemma, TASK, CLEAN)
    logits = player.logits(SEEN)
    assert logits.shape == (40, 4)
    assert logits.dtype == np.float32
    deadly = TASK.oracle.regret(TASK.positions(77, 40)) >= 1
    free = ~deadly.all(1)
    assert (~deadly[np.arange(40), logits.argmax(1)])[free].mean() > 0.7
    other = TASK.positions(78, 40).observations()
    hidden = type(SEEN)(other.constants, other.columns, other.lengths, scene=SEEN)
    assert (player.logits(hidden) == logits).all()
    assert np.abs(player.logits(SEEN.take([3])) - logits[3]).max() < 1e-3


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((2, 32, 32), np.uint8), "pictures are grey"),
        (np.zeros((2, 32, 32, 4), np.uint8), "leave out the fourth channel"),
        (np.zeros((2, 32, 32, 3), np.float32), "as uint8"),
        (np.zeros((32, 32, 3), np.uint8), "add a first axis"),
        (np.zeros((2, 32, 40, 3), np.uint8), "32 x 40 pixels, expected 4, 8, 12"),
    ],
)
def test_pictures_of_another_kind_are_refused_in_one_line(gemma, pixels, said):
    with pytest.raises(UsageError, match=said) as error:
        GemmaReader(gemma, TASK).read(pixels)
    assert "\n" not in str(error.value)


def test_a_picture_of_another_size_is_resized(gemma):
    large = CLEAN.look(SEEN).repeat(2, 1).repeat(2, 2)
    assert GemmaReader(gemma, TASK).read(large).exact(SEEN).mean() > 0.5


def test_a_reader_needs_no_words_for_moves(gemma, monkeypatch):
    def lacking(tokenizer, task):
        raise UsageError("the tokenizer has no token for each of up, down")

    monkeypatch.setattr(eyes, "move_words", lacking)
    others = replace(gemma, card=None)
    assert len(GemmaReader(others, TASK).read(CLEAN.look(SEEN.take([0])))) == 1
    with pytest.raises(UsageError, match="no token for each of"):
        GemmaPlayer(others, TASK, CLEAN)


def test_another_board_than_it_was_trained_for_is_refused(gemma):
    with pytest.raises(UsageError, match="sees snake on 4x4, not snake on 6x6"):
        GemmaReader(gemma, SnakeTask(6))
    with pytest.raises(UsageError, match="sees snake on 4x4, not snake on 6x6"):
        GemmaPlayer(gemma, SnakeTask(6), CLEAN)


def test_the_image_token_of_a_cell_is_as_far_from_its_sign_for_every_cell(gemma):
    reader = GemmaReader(gemma, TASK)
    ids = reader._asker.inputs(CLEAN.look(SEEN))["input_ids"][0].numpy()
    images = np.flatnonzero(ids == gemma.model.config.image_token_index)
    places = len(ids) + board_form(gemma.processor.tokenizer, TASK.sight).places - 1
    assert len(set(places - images)) == 1
