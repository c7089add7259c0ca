"""Words and forms: a token for each cell, the questions, and the legend of the signs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.gemma.forms import board_form, move_words
from ouroloop.perception.gemma.words import (
    board_text,
    build_tokenizer,
    full_board_question,
    full_move_question,
    glyph_rows,
    legend,
    short_questions,
)
from ouroloop.protocols.errors import UsageError

TASK = SnakeTask(6)
SIGHT = TASK.sight


def bytes_tokenizer(texts):
    """Return a tokenizer like those of large models, which joins what often stands together."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def drawn(count, seed=0):
    """Return random classes of cells: (count, 36)."""
    return np.random.default_rng(seed).integers(0, SIGHT.classes, (count, SIGHT.side**2))


def test_a_board_is_one_token_per_cell_and_the_text_is_json():
    tokenizer = build_tokenizer(TASK)
    form = board_form(tokenizer, SIGHT)
    first, *_, last = form.places
    assert (np.diff(form.places) == 1).all()
    assert (last - first + 1) == SIGHT.side**2
    assert len(form.template) == SIGHT.side**2 + 2
    for classes, ids in zip(drawn(20), form.fill(drawn(20)), strict=True):
        rows = glyph_rows(classes, SIGHT)
        assert tokenizer.decode(ids) == board_text(rows)
        assert json.loads(tokenizer.decode(ids)) == {"board": rows}


def test_with_a_tokenizer_that_joins_signs_the_form_is_pieced_together():
    rows = [board_text(glyph_rows(classes, SIGHT)) for classes in (*drawn(50), *np.zeros((200, 36), np.int64))]
    tokenizer = bytes_tokenizer(rows)
    form = board_form(tokenizer, SIGHT)
    assert len(tokenizer(rows[-1])["input_ids"]) < len(form.template)
    for classes, ids in zip(drawn(20, 1), form.fill(drawn(20, 1)), strict=True):
        assert tokenizer.decode(ids) == board_text(glyph_rows(classes, SIGHT))
    assert form.allowed(0).tolist() == [form.template[0]]
    assert form.allowed(int(form.places[7])).tolist() == form.signs[7].tolist()


def test_every_word_of_the_questions_is_known():
    tokenizer = build_tokenizer(TASK)
    asked = short_questions()
    for text in (asked.board, asked.move, "\n\n", "user\n", "model\n", *TASK.actions):
        assert tokenizer.decode(ids := tokenizer(text)["input_ids"]) == text
        assert tokenizer.unk_token_id not in ids
        assert len(ids) <= 5
    assert "<unk>" not in tokenizer.tokenize("anything, printable? {}[] 0123456789 ~")


def test_moves_are_names_or_else_numbers_or_else_refused():
    assert move_words(build_tokenizer(TASK), TASK)[0] == TASK.actions
    joined = bytes_tokenizer(["up down"])
    assert move_words(joined, TASK)[0] == ("0", "1", "2", "3")

    class Mute:
        def __call__(self, text, add_special_tokens=True):
            return {"input_ids": [0, 1]}

    with pytest.raises(UsageError, match="no token for each of up, down, left, right"):
        move_words(Mute(), TASK)
    with pytest.raises(UsageError, match="writes the sign"):
        board_form(Mute(), SIGHT)


def test_the_full_questions_say_what_each_sign_means_and_what_to_answer():
    said = legend(TASK)
    assert "'*' for the apple" in said
    assert "'@' for the head" in said
    assert "'^' or 'v' or '<' or '>' for the body" in said
    assert "'#' for a wall" in said
    asked = full_board_question(TASK)
    assert said in asked
    assert '{"board": ["......", "......", ...]}' in asked
    assert "2 for left" in full_move_question(TASK, ("0", "1", "2", "3"))
    named = full_move_question(TASK, TASK.actions)
    assert "left" in named
    assert "for left" not in named
