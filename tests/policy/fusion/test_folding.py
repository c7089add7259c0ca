"""Prompts as embeddings: what lies where, what is folded together, and what may attend to what."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import save_policy
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.fusion.focus import Focus, places_of, steps_between
from ouroloop.policy.fusion.folding import shuffled
from ouroloop.policy.fusion.layout import layout_of
from ouroloop.policy.fusion.readout import Readout
from ouroloop.policy.fusion.seeing import create_seeing
from ouroloop.policy.fusion.written import read
from ouroloop.policy.settings import Shape
from ouroloop.protocols.errors import UsageError
from tests.policy.fusion.eyes import CellEye

TASK = SnakeTask(4)
SMALL = Shape(hidden=16, layers=2, heads=2, intermediate=16)


@pytest.mark.parametrize(
    ("grid", "tokens", "shuffle", "folded"),
    [((10, 10), 256, 0, (10, 10)), ((20, 20), 256, 1, (10, 10)), ((17, 17), 256, 1, (9, 9)), ((64, 64), 256, 2, (16, 16))],
)
def test_a_grid_is_folded_until_its_tokens_are_few(grid, tokens, shuffle, folded):
    found = layout_of(grid, 8, TASK.sight, FusionConfig(tokens=tokens))
    assert (found.shuffle, found.folded) == (shuffle, folded)
    assert found.tokens == folded[0] * folded[1] <= tokens
    assert found.folded_width == 8 * 4**shuffle


def test_more_tokens_a_latent_than_tokens_are_refused():
    with pytest.raises(UsageError, match=r"fusion.spread 64 is more than fusion.tokens 32"):
        layout_of((1, 1), 128, TASK.sight, FusionConfig(tokens=32, spread=64))


def test_neighbours_are_folded_together_and_told_apart_again():
    latents = torch.arange(5 * 6 * 2).view(1, 5, 6, 2).float()
    once = shuffled(latents, 1)
    assert once.shape == (1, 3, 3, 8)
    assert once[0, 1, 2].tolist() == [*latents[0, 2, 4], *latents[0, 2, 5], *latents[0, 3, 4], *latents[0, 3, 5]]
    assert once[0, 2, 0, 4:].tolist() == [0, 0, 0, 0]  # below the last row
    layout = layout_of((6, 6), 2, SnakeTask(6).sight, FusionConfig(tokens=4))
    assert (layout.shuffle, layout.tokens) == (2, 4)
    readout = Readout(layout, layout.folded_width)
    grid = torch.randn(1, 6, 6, 2)
    with torch.no_grad():  # a read-out that tells each latent's first number as its cell's first class finds every cell again
        readout.classes.weight.zero_()
        readout.classes.bias.zero_()
        for cell in range(16):
            readout.classes.weight[layout.classes * cell, 2 * cell] = 1
        told = readout(shuffled(grid, 2).flatten(1, 2))
    assert torch.equal(told[0, :, 0], grid[0, :, :, 0].flatten())


def test_places_are_counted_from_the_focus():
    steps = steps_between(3, 4)
    assert steps.shape == (12, 12)
    assert set(steps.ravel()) == set(range(5 * 7))
    assert (steps.diagonal() == steps[0, 0]).all()
    assert steps[0, 5] == steps[1, 6] == steps[5, 10]  # one down, one to the right
    cells = np.array([0, 7, 8, 63])
    grids = {(8, 8): cells.tolist(), (4, 4): [0, 3, 0, 15], (7, 7): [0, 6, 7, 48]}
    for grid, places in grids.items():
        assert places_of(cells, layout_of(grid, 8, SnakeTask(8).sight, FusionConfig())).tolist() == places
    folded = layout_of((8, 8), 8, SnakeTask(8).sight, FusionConfig(tokens=16))
    assert places_of(cells, folded).tolist() == [0, 3, 0, 15]


def test_the_focus_moves_the_places_with_it():
    layout = layout_of((4, 4), 8, TASK.sight, FusionConfig())
    focus = Focus(layout.folded, 3, 5)
    with torch.no_grad():
        focus.find.weight[0] = torch.tensor([50.0, 0.0, 0.0])
        marked = torch.zeros(2, 16, 3)
        marked[0, 5, 0] = marked[1, 10, 0] = 1
        logits, around, here = focus(marked)
    assert logits.argmax(dim=1).tolist() == [5, 10]
    assert torch.allclose(around[0, 6], around[1, 11], atol=1e-5)  # the place to the right of the focus
    assert torch.allclose(around[0, 5], around[1, 10], atol=1e-5)
    assert not torch.allclose(around[0, 6], around[1, 6], atol=1e-2)
    assert torch.allclose(here[0], focus.here.weight[5], atol=1e-5)


def test_a_single_latent_has_no_focus():
    assert not layout_of((1, 1), 128, TASK.sight, FusionConfig(spread=16)).focused
    assert layout_of((4, 4), 8, TASK.sight, FusionConfig()).focused


def test_the_model_sees_what_the_eye_saw():
    policy = create_seeing(TASK, SMALL, 0, CellEye(TASK), FusionConfig())
    positions = TASK.positions(3, 5).observations()
    ids, mask = policy.encode(positions)
    assert mask.all()
    assert ids.shape == (5, policy.layout.prompt)
    seen = policy.eye.see(positions)
    first, folding = len(policy.encoding.vocabulary), policy.model.folding
    cells = ids[:, 1 : 1 + policy.layout.written].reshape(5, 4, 4, -1)
    assert np.abs(read(cells, 8, first) - seen).max() < 0.02
    unfolded = folding.numbers(torch.from_numpy(cells).long(), 8)
    assert np.allclose(unfolded.numpy(), read(cells, 8, first), atol=1e-6)
    idle = folding.numbers(torch.from_numpy(ids[:, -2:-1]).long(), 1)[:, 0].numpy()
    assert np.array_equal(np.argsort(idle, kind="stable"), np.argsort(positions.columns["idle"], kind="stable"))


def test_auto_classes_load_it(tmp_path):
    policy = create_seeing(TASK, SMALL, 0, CellEye(TASK), FusionConfig())
    save_policy(policy, tmp_path / "policy")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    ids = torch.from_numpy(policy.encode(TASK.positions(3, 3).observations())[0]).long()
    with torch.no_grad():
        assert torch.allclose(model(input_ids=ids).logits, policy.model.eval()(input_ids=ids).logits, atol=1e-6)


@pytest.mark.parametrize("mutual", [True, False])
def test_places_of_a_picture_attend_to_each_other_and_nothing_attends_to_answers(mutual):
    policy = create_seeing(TASK, SMALL, 0, CellEye(TASK), FusionConfig(mutual=mutual))
    model, ids = policy.model.eval(), torch.from_numpy(policy.encode(TASK.positions(3, 1).observations())[0]).long()
    answered = torch.cat([ids, torch.tensor([[policy.actions[0]]])], dim=1)
    with torch.no_grad():
        plain, with_answer = model(input_ids=ids).logits, model(input_ids=answered).logits
        assert torch.allclose(with_answer[:, :-1], plain, atol=1e-5)
        embeds = model.embedded(ids)
        embeds[:, policy.layout.tokens] += 1  # the last place of the picture
        changed = model(inputs_embeds=embeds).logits
    assert torch.allclose(changed[:, 1], plain[:, 1], atol=1e-6) is not mutual
    assert torch.allclose(changed[:, 0], plain[:, 0], atol=1e-6) is not mutual
    assert not torch.allclose(changed[:, -1], plain[:, -1], atol=1e-4)


def test_a_prompt_of_another_form_is_refused():
    policy = create_seeing(TASK, SMALL, 0, CellEye(TASK), FusionConfig())
    with pytest.raises(ValueError, match=r"a prompt of 9 ids, expected"):
        policy.model(input_ids=torch.zeros(1, 9, dtype=torch.long))
    with pytest.raises(UsageError, match="size 4, found observations of size 6"):
        policy.encode(SnakeTask(6).positions(0, 2).observations())
