"""Replies of any form become boards, and say whether they had the asked form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.gemma.replies import UNKNOWN, Replies, certainty, read_reply
from ouroloop.perception.gemma.words import board_text, glyph_rows

TASK = SnakeTask(4)
SIGHT = TASK.sight
SEEN = TASK.positions(3, 20).observations()
CLASSES = SIGHT.label(SEEN).astype(np.int64)
ROWS = glyph_rows(CLASSES[0], SIGHT)


@pytest.mark.parametrize("row", range(20))
def test_a_reply_in_the_asked_form_is_read_exactly(row):
    classes, valid = read_reply(board_text(glyph_rows(CLASSES[row], SIGHT)), SIGHT)
    assert valid
    assert (classes == CLASSES[row]).all()
    assert SIGHT.decode(certainty(classes[None], SIGHT.classes)).exact(SEEN.take([row])).all()


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("Sure! ```json\n" + board_text(ROWS) + "\n``` as you wished.", True),
        ("{'board': [" + ", ".join(f"'{row}'" for row in ROWS) + ",]} // done", True),
        ('{"board": ["' + '", "'.join(ROWS), False),
        ("\n".join(f"| {' '.join(row)} |" for row in ROWS), False),
        ("The board:\n" + "\n".join(ROWS) + "\nGood luck!", False),
        (board_text([*ROWS, "...."]), False),
        (board_text([row + "#" for row in ROWS]), False),
    ],
)
def test_other_forms_are_read_leniently(text, valid):
    classes, found = read_reply(text, SIGHT)
    assert found == valid
    assert (classes == CLASSES[0]).all()


def test_what_is_missing_is_unknown_and_repaired():
    classes, valid = read_reply(board_text([ROWS[0], ROWS[1][:2], "zzzz"]), SIGHT)
    assert not valid
    assert (classes[:6] == CLASSES[0][:6]).all()
    assert (classes[6:] == UNKNOWN).all()
    told = certainty(classes[None], SIGHT.classes)
    assert np.allclose(told.sum(-1), 1)
    assert len(SIGHT.decode(told)) == 1


@given(st.text(alphabet=st.sampled_from('{}[]",:. *#@^v<>board\n'), max_size=60))
def test_nothing_raises_and_only_whole_boards_are_valid(text):
    classes, valid = read_reply(text, SIGHT)
    assert classes.shape == (16,)
    assert ((classes >= UNKNOWN) & (classes < SIGHT.classes)).all()
    assert not valid or (classes != UNKNOWN).all()


def test_replies_are_counted():
    assert Replies().plus(np.array([True, False])).plus(np.array([True])) == Replies(3, 2)
