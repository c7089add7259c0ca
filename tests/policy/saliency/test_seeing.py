"""Maps of a policy that sees: its own logits, its tokens over their cells; what is taken out is out of the focus as well."""

import numpy as np
import pytest
import torch

from ouroloop.policy.bases import player_of
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.fusion.layout import layout_of
from ouroloop.policy.fusion.seeing import create_seeing
from ouroloop.policy.saliency.explaining import attributed, explain
from ouroloop.policy.saliency.faithfulness import faithfulness
from ouroloop.policy.saliency.methods import METHODS
from ouroloop.policy.saliency.prompts import action_logits, prompts_of, read
from ouroloop.policy.saliency.seeing import picture_cells
from ouroloop.policy.settings import LoraSettings, Shape
from ouroloop.protocols.errors import UsageError
from tests.policy.fusion.eyes import CellEye

SMALL = Shape(hidden=32, intermediate=48)
STAGES = {
    "whole": FusionConfig(projector=16),
    "folded": FusionConfig(projector=16, tokens=9),
    "adapted": FusionConfig(projector=16, stage="lora", mutual=False, lora=LoraSettings(rank=2, dropout=0.0)),
}


@pytest.fixture(scope="module")
def seen(task):
    return task.positions(1, 5).observations()


@pytest.fixture(params=STAGES)
def policy(request, task):
    return create_seeing(task, SMALL, 0, CellEye(task), STAGES[request.param])


@torch.no_grad()
def test_prompts_give_the_logits_that_the_policy_plays_by(policy, seen):
    prompts = prompts_of(policy, seen)
    assert prompts.mask.shape == (5, policy.layout.length)
    logits = action_logits(read(prompts, prompts.embeddings, prompts.mask), prompts)
    assert np.allclose(logits.numpy(), player_of(policy).logits(seen), atol=1e-5)


@torch.no_grad()
def test_what_is_taken_out_reaches_the_answer_by_no_way(policy, task, seen):
    """Two boards that differ in the food alone look alike without the tokens of its cells."""
    moved = type(seen)(seen.constants, {**seen.columns, "board": seen.columns["board"].copy()}, seen.lengths)
    moved.columns["board"][np.arange(5), seen.columns["food"]] = 0
    one, other = (prompts_of(policy, boards) for boards in (seen, moved))
    gone = (one.cells == seen.columns["food"][:, None, None]).any(axis=2)
    assert (gone.sum(axis=1) == 1).all()
    whole = [action_logits(read(prompts, prompts.embeddings, prompts.mask), prompts) for prompts in (one, other)]
    cut = [action_logits(read(prompts, *prompts.without(gone)), prompts) for prompts in (one, other)]
    assert not torch.allclose(whole[0], whole[1], atol=1e-4)
    assert torch.allclose(cut[0], cut[1], atol=1e-6)
    assert not torch.allclose(cut[0], whole[0], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_it_has_maps_like_any_other(policy, seen, method):
    mode = policy.model.training
    found = explain(policy, seen, method)
    assert policy.model.training == mode
    assert np.allclose(found.cells.sum(axis=1), 1, atol=1e-5)
    assert found.tokens.shape == (5, policy.layout.length)
    assert np.abs(found.tokens[:, 1:-1]).min(axis=0).max() > 0


def test_curves_of_its_maps_have_bounds(policy, seen):
    prompts = prompts_of(policy, seen)
    found = faithfulness(prompts, attributed(prompts, "ig"), 0, maps=2)
    assert ((found.deletion >= 0) & (found.insertion <= 1)).all()


def test_tokens_cover_the_board(task):
    eye = CellEye(task)

    def cells(config, side=6):
        return picture_cells(layout_of((side, side), eye.width, task.sight, config))

    assert cells(FusionConfig()) == [(cell,) for cell in range(36)]
    assert cells(FusionConfig(tokens=9))[0] == (0, 1, 6, 7)
    folded = cells(FusionConfig(tokens=9), side=5)
    assert len(folded) == 9
    assert sorted({cell for own in folded for cell in own}) == list(range(36))


def test_an_eye_without_places_is_refused(task, seen):
    whole = create_seeing(task, SMALL, 0, CellEye(task), FusionConfig(projector=16, spread=2))
    with pytest.raises(UsageError, match="sees a picture as a whole"):
        explain(whole, seen, "ig")
