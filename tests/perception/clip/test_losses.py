"""The losses of the small CLIP, where their values are known."""

from __future__ import annotations

import math

import pytest
import torch

from ouroloop.perception.clip.losses import StateCode, phrase_loss


def test_phrases_are_perfect_when_they_weigh_their_cells_equally_and_no_others():
    marked = torch.tensor([[[True, False], [True, False], [False, False]]])
    right = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]])
    assert phrase_loss(right, marked) < 1e-6
    assert phrase_loss(torch.zeros_like(right), marked) == pytest.approx(math.log(3 / 2))
    assert phrase_loss(-right, marked) > 10


def test_a_states_code_is_the_sum_of_its_cells_vectors_and_the_common_one():
    code = StateCode(3, 2, 4, torch.Generator().manual_seed(0))
    table = code.table.detach().view(3, 2, 4)
    torch.nn.init.ones_(code.common)
    total = table[0, 1] + table[1, 0] + table[2, 1] + 1
    found = code(torch.tensor([[1, 0, 1], [0, 0, 1]])).detach()
    torch.testing.assert_close(found[0], total / total.norm())
    assert not torch.allclose(found[0], found[1])
