"""Tokens and cells: words of any tokenizer, grids of latents, and weights that are divided among cells."""

import numpy as np
import pytest
import torch

from ouroloop.policy.bases import load_base
from ouroloop.policy.saliency.places import grid_cells, places_of, to_cells
from tests.policy.checkpoints import KINDS, checkpoint


@pytest.mark.parametrize("hint", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_bases_tokens_speak_of_what_the_pieces_that_they_overlap_speak_of(tmp_path, task, kind, hint):
    base = load_base(checkpoint(tmp_path / kind, kind), task=task, encoding="json", dtype=torch.float32, hint=hint)
    seen = task.positions(1, 3).observations()
    ids, mask = base.encode(seen)
    places = places_of(base, seen)
    assert places.count == 36
    assert places.cells.shape[:2] == ids.shape
    assert (places.cells[~mask] == -1).all()
    for row in range(3):
        own, food = seen.row(row), seen.row(row)["food"]
        spoken = {cell for cell in places.cells[row].ravel().tolist() if cell >= 0}
        assert spoken == {*own["snake"], food}
        text = "".join(base.tokenizer.decode([token]) for token in ids[row][(places.cells[row] == food).any(axis=1)])
        assert str(food // 6) in text
        assert str(food % 6) in text


def test_places_of_a_grid_cover_the_board_in_blocks():
    assert grid_cells(2, 2, 4).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert grid_cells(3, 3, 3).ravel().tolist() == list(range(9))
    assert grid_cells(4, 4, 2).ravel().tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3]
    uneven = grid_cells(3, 2, 7)
    assert sorted(uneven[uneven >= 0].tolist()) == list(range(49))


def test_weights_are_divided_among_a_tokens_cells():
    cells = np.array([[[-1, -1], [0, 1], [1, -1]], [[-1, -1], [0, -1], [2, -1]]], np.int32)
    weights = np.array([[5.0, 2.0, 1.0], [1.0, -3.0, 0.0]])
    assert to_cells(weights, cells, 3) == pytest.approx(np.array([[1 / 3, 2 / 3, 0], [1 / 3] * 3]))
