"""The reader's network: small, of one size for all boards, and straightforward."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ouroloop.perception.cellnet import build, initialise, prepared
from ouroloop.perception.config import ReaderConfig


@pytest.fixture(scope="module")
def model():
    """A network with random weights."""
    model = build(8, 16, 2)
    initialise(model, torch.Generator().manual_seed(0))
    return model.eval()


def test_the_default_network_has_the_size_that_was_asked_for():
    config = ReaderConfig()
    assert 50_000 < sum(weight.numel() for weight in build(8, config.width, config.depth).parameters()) < 300_000


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (4, 4), (7, 3), (32, 32)])
def test_each_cell_of_any_board_gets_an_answer(model, rows, columns):
    pixels = np.zeros((2, 8 * rows, 8 * columns, 3), np.uint8)
    with torch.inference_mode():
        assert model(prepared(pixels)).shape == (2, rows, columns, 8)
        assert model.lattice(prepared(pixels)).shape == (2, rows, columns, 4)
        assert model.latents(prepared(pixels)).shape == (2, rows, columns, 16)


def test_the_lattice_knows_a_cell_by_its_surroundings_alone(model):
    """What lies far away may change what a cell is, by its colours, but not where it lies."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3)).astype(np.uint8)
    other = pixels.copy()
    other[:, :24] = 0
    with torch.inference_mode():
        first, second = (model.lattice(prepared(one)) for one in (pixels, other))
        classes, changed = (model(prepared(one)) for one in (pixels, other))
    assert torch.equal(first[:, 6:], second[:, 6:])
    assert not torch.allclose(classes[:, 10:], changed[:, 10:])


def test_the_same_generator_draws_the_same_weights_and_leaves_torchs_own_alone():
    state = torch.get_rng_state()
    one, two = build(8, 16, 1), build(8, 16, 1)
    for model in (one, two):
        initialise(model, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert torch.equal(state, torch.get_rng_state())
