"""The descent: its schedule holds for any number of steps, and its hooks do what they say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ouroloop.perception.learning.fitting import descend, schedule
from ouroloop.protocols.errors import TrainingError


def rates(steps, rate=0.5):
    """Return the rate of each step."""
    optimiser = torch.optim.AdamW([nn.Parameter(torch.ones(1))], lr=rate)
    scheduled = schedule(optimiser, steps, rate)
    found = []
    for _ in range(steps):
        found.append(scheduled.get_last_lr()[0])
        optimiser.step()
        scheduled.step()
    return found


@pytest.mark.parametrize("steps", [*range(1, 25), 100])
def test_the_rate_rises_at_most_to_its_peak_and_falls_for_any_number_of_steps(steps):
    found = rates(steps)
    peak = found.index(max(found))
    assert all(0 < rate <= 0.5 + 1e-9 for rate in found)
    assert found[:peak] == sorted(found[:peak])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert peak <= max(1, steps / 10)
    if steps > 1:
        assert max(found) > 0.49


def test_a_long_training_has_torchs_own_schedule():
    """The reader that ships was trained by it."""
    optimiser = torch.optim.AdamW([nn.Parameter(torch.ones(1))], lr=0.5)
    torchs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.5, total_steps=201, pct_start=0.1)
    for rate in rates(200):
        assert rate == torchs.get_last_lr()[0]
        optimiser.step()
        torchs.step()


def bowl(weight):
    """Yield the squared distance of a weight from 1 without end."""
    while True:
        yield {"distance": (weight - 1).square().sum()}


@pytest.mark.parametrize("steps", [1, 9, 10])
def test_few_steps_are_taken_and_told(steps):
    weight, told = nn.Parameter(torch.zeros(3)), []
    found = descend([weight], bowl(weight), steps, 0.1, lambda share, figures: told.append((share, figures)))
    assert (weight > 0).all()
    assert told == [(1.0, found)]


def test_groups_keep_their_own_settings_and_after_is_called_after_each_step():
    decayed, kept, calls = nn.Parameter(torch.full((2,), 2.0)), nn.Parameter(torch.full((2,), 2.0)), []
    groups = [{"params": [decayed], "weight_decay": 0.5}, {"params": [kept], "weight_decay": 0.0}]

    def flat():
        while True:
            yield {"nothing": 0 * (decayed.sum() + kept.sum())}

    descend(groups, flat(), 5, 0.1, lambda *_: None, steepest=None, after=lambda: calls.append(kept[0].item()))
    assert calls == [2.0] * 5
    assert (decayed < 2).all()


def test_a_loss_that_is_not_finite_names_the_model():
    weight = nn.Parameter(torch.ones(1))
    with pytest.raises(TrainingError, match="CLIP's lost is nan at step 0: lower `rate`"):
        descend([weight], iter([{"lost": weight.sum() * torch.nan}]), 3, 0.1, lambda *_: None, whose="CLIP's")
