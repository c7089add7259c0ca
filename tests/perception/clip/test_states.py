"""Boards that are hard to tell apart: all different, few cells from each other; and states as text."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ouroloop.perception.clip.states import family, gallery, grouped, texts_of
from ouroloop.perception.clip.words import EOS, UNK, build_tokenizer, words_in
from ouroloop.protocols.errors import UsageError
from tests.perception.clip.conftest import TASK


def different(cells):
    """Count the rows of (B, C) that differ from all before them."""
    return len({line.tobytes() for line in cells})


def test_a_group_lies_within_three_cells_of_its_position():
    positions = TASK.positions(3, 6).observations()
    boards = grouped(TASK.sight, positions, 4, np.random.default_rng(0))
    cells, own = TASK.sight.label(boards), TASK.sight.label(positions)
    assert 12 < len(boards) <= 24
    assert different(cells) == len(boards)
    assert ((cells[:, None] != own[None]).sum(2).min(1) <= 3).all()


def test_a_gallery_has_as_many_different_boards_as_asked_or_says_that_it_cannot():
    positions = TASK.positions(3, 8).observations()
    boards = gallery(TASK.sight, positions, 100, np.random.default_rng(0))
    cells = TASK.sight.label(boards)
    assert different(cells) == len(boards) == 100
    assert ((cells[:, None] != TASK.sight.label(positions)[None]).sum(2).min(1) <= 3).all()
    with pytest.raises(UsageError, match="different boards, not 4000"):
        gallery(TASK.sight, positions.take([0]), 4000, np.random.default_rng(0))


def test_a_family_lies_within_three_cells_of_one_position():
    position = TASK.positions(3, 8).observations().take([3])
    boards = family(TASK.sight, position, 200, np.random.default_rng(0))
    cells = TASK.sight.label(boards)
    assert different(cells) == len(boards) == 200
    apart = (cells != TASK.sight.label(position)).sum(1)
    assert apart[0] == 0
    assert apart.max() == 3
    with pytest.raises(UsageError, match="different boards, not 100000"):
        family(TASK.sight, TASK.positions(3, 8).observations().take([7]), 100_000, np.random.default_rng(0))


def test_states_are_told_by_captions_or_by_json_and_every_word_is_known():
    boards = gallery(TASK.sight, TASK.positions(3, 8).observations(), 64, np.random.default_rng(0))
    for states in ("caption", "json"):
        texts = texts_of(TASK, boards, states)
        assert len(set(texts)) == 64
        ids = build_tokenizer(texts)(texts).input_ids
        assert all(UNK not in line and line[-1] == EOS for line in ids)
        assert len({tuple(line) for line in ids}) == 64
    assert json.loads(texts[0].split("\n")[1])["size"] == 4


def test_numbers_that_stand_together_are_one_word():
    assert words_in("head at 3 4; body 3 3, 12 2; no apple") == ["head", "at", "3 4", "body", "3 3", "12 2", "no", "apple"]
    assert words_in('{"snake":[[5,0],[5,1]],"idle":7}') == ["snake", "[5,0]", "[5,1]", "idle", "7"]
