"""Masked pre-training: hidden cells are hidden, and the network learns what they look like."""

from __future__ import annotations

import numpy as np
import torch

from ouroloop.perception.cellnet import build, initialise
from ouroloop.perception.learning.lessons import Lessons
from ouroloop.perception.learning.pretraining import HIDDEN, masked, pretrain, quarters
from tests.perception.small import TASKS, TINY


def test_hidden_cells_are_grey_and_the_others_as_they_were():
    pixels = np.random.default_rng(0).integers(0, 100, (2, 16, 24, 3)).astype(np.uint8)
    hidden = np.zeros((2, 2, 3), np.bool_)
    hidden[1, 0, 2] = True
    out = masked(pixels, hidden)
    assert (out[1, :8, 16:] == HIDDEN).all()
    out[1, :8, 16:] = pixels[1, :8, 16:]
    assert (out == pixels).all()


def test_quarters_are_mean_colours_in_reading_order():
    pixels = np.zeros((1, 8, 16, 3), np.uint8)
    pixels[0, :4, 4:8, 1] = 255  # the upper right quarter of the first cell is green
    found = quarters(pixels)
    assert found.shape == (1, 1, 2, 12)
    assert found[0, 0, 0].tolist() == [-2.0, -2.0, -2.0, -2.0, 2.0, -2.0, *[-2.0] * 6]
    assert (found[0, 0, 1] == -2).all()


def test_the_network_learns_what_hidden_cells_look_like_and_not_what_they_are():
    config = TINY.model_copy(update={"pretrain_steps": 80})
    model, generator = build(8, 16, 1), torch.Generator().manual_seed(0)
    initialise(model, generator)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    told = []
    found = pretrain(model, Lessons(TASKS, config, 0), config, generator, lambda share, figures: told.append((share, figures)))
    assert told[-1][0] == 1.0
    assert found["masked"] < 0.7 * told[0][1]["masked"]
    same = {name.split(".")[0] for name, weight in model.state_dict().items() if torch.equal(weight, before[name])}
    assert {"head", "lattice"} <= same
    assert "patches" not in same
