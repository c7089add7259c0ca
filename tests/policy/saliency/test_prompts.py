"""Prompts as embeddings: they give the policy's own logits, and what is taken out of them is gone while the rest stays."""

import numpy as np
import pytest
import torch

from ouroloop.policy.bases import load_base
from ouroloop.policy.bases.player import HfPolicy
from ouroloop.policy.saliency.explaining import explain
from ouroloop.policy.saliency.methods import METHODS
from ouroloop.policy.saliency.places import grid_cells
from ouroloop.policy.saliency.prompts import action_logits, log_odds, prompts_of, read, run
from ouroloop.policy.snake_gpt import load
from ouroloop.protocols.errors import UsageError
from tests.games.balance.task import BalanceTask
from tests.policy.checkpoints import KINDS, checkpoint


@pytest.fixture(scope="module")
def policy(untrained):
    return load(untrained)


@pytest.fixture(scope="module")
def seen(task):
    return task.positions(1, 6).observations()


@torch.no_grad()
def test_prompts_give_the_logits_that_the_policy_plays_by(policy, seen):
    prompts = prompts_of(policy, seen)
    logits = action_logits(read(prompts, prompts.embeddings, prompts.mask), prompts)
    assert np.allclose(logits.numpy(), HfPolicy(policy).logits(seen), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_prompts_of_a_base_give_its_logits(tmp_path, task, seen, kind):
    base = load_base(checkpoint(tmp_path / kind, kind), task=task, encoding="json", dtype=torch.float32, hint=True)
    prompts = prompts_of(base, seen)
    logits = action_logits(read(prompts, prompts.embeddings, prompts.mask), prompts)
    assert np.allclose(logits.numpy(), HfPolicy(base).logits(seen), atol=1e-4)


@torch.no_grad()
def test_without_some_tokens_the_others_keep_their_places(policy, seen):
    """What is left reads as if the model had been given the other tokens alone, each at its old place."""
    prompts = prompts_of(policy, seen.take([5]))
    length = prompts.mask.shape[1]
    gone = np.zeros((1, length), bool)
    gone[0, [2, 4]] = True
    kept = torch.from_numpy(~gone[0])
    cut = action_logits(read(prompts, *prompts.without(gone)), prompts)
    left, ones = prompts.embeddings[:, kept], torch.ones(1, int(kept.sum()), dtype=torch.long)
    alone = action_logits(run(policy.model, left, ones, prompts.positions[:, kept]), prompts)
    assert torch.allclose(cut, alone, atol=1e-5)
    moved_up = action_logits(run(policy.model, left, ones, ones.cumsum(dim=1) - 1), prompts)
    assert not torch.allclose(cut, moved_up, atol=1e-5)


@torch.no_grad()
def test_the_last_token_can_be_taken_out_as_well(policy, seen):
    prompts, gone = prompts_of(policy, seen), np.ones((6, 12), bool)
    assert prompts.mask.shape[1] == 12
    nothing = action_logits(read(prompts, *prompts.without(gone)), prompts)
    assert torch.allclose(nothing, nothing[:1].expand_as(nothing), atol=1e-1)
    assert torch.isfinite(nothing).all()
    gone[:, :-1] = False
    assert not torch.allclose(action_logits(read(prompts, *prompts.without(gone)), prompts), nothing, atol=1e-3)


def test_log_odds_are_of_one_action_against_all_others():
    odds = log_odds(torch.log(torch.tensor([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]])), torch.tensor([1, 0]))
    assert torch.allclose(odds, torch.log(torch.tensor([1.0, 0.25])))


def test_a_game_whose_tokens_speak_of_no_cells_is_refused():
    from ouroloop.policy.settings import Shape
    from ouroloop.policy.snake_gpt import create

    game = BalanceTask()
    policy = create(game, Shape(hidden=32, intermediate=48), 0)
    with pytest.raises(UsageError, match="encoding 'bins' of the game balance does not say which token"):
        prompts_of(policy, game.positions(0, 2).observations())


class Looking:
    """A policy that sees: 3x3 latents of a position of 6x6 cells between an opening and a closing token."""

    task, cells = "snake", 36

    def __init__(self, policy):
        self._policy, self.actions, self.reader = policy, policy.actions, policy.model
        generator = torch.Generator().manual_seed(0)
        self.projector = torch.randn(4, policy.model.config.hidden_size, generator=generator)

    def embed(self, observations):
        boards = torch.from_numpy(observations.columns["board"].astype(np.float32)).unflatten(1, (6, 6))
        blocks = boards.unflatten(2, (3, 2)).unflatten(1, (3, 2)).permute(0, 1, 3, 2, 4).flatten(3).flatten(1, 2)
        frame = self.reader.get_input_embeddings()(torch.tensor([7, 8])).expand(len(boards), -1, -1)
        embeddings = torch.cat([frame[:, :1], blocks @ self.projector, frame[:, 1:]], dim=1)
        return embeddings, torch.ones(embeddings.shape[:2], dtype=torch.bool), torch.zeros(embeddings.shape[1:])

    def cells_of(self, observations):
        cells = np.full((len(observations), 11, 4), -1, np.int32)
        cells[:, 1:-1] = grid_cells(3, 3, 6)
        return cells


@pytest.mark.parametrize("method", METHODS)
def test_a_policy_that_embeds_positions_itself_has_maps_too(policy, seen, method):
    found = explain(Looking(policy), seen, method)
    assert found.tokens.shape == (6, 11)
    blocks = found.cells.reshape(6, 3, 2, 3, 2).transpose(0, 1, 3, 2, 4).reshape(6, 9, 4)
    assert np.allclose(blocks, blocks[..., :1])  # a token divides its weight among the cells of its block
    assert np.allclose(found.cells.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(found.cells, axis=1).max() > 0
