"""Maps: what defines each method, that models are left as they were, and that maps of a trained policy beat random ones."""

import numpy as np
import pytest
import torch

from ouroloop.policy.bases import load_base
from ouroloop.policy.saliency.explaining import attributed, best_of, explain, salience_of
from ouroloop.policy.saliency.faithfulness import area, curves, faithfulness, mean_interval
from ouroloop.policy.saliency.methods import METHODS
from ouroloop.policy.saliency.names import TITLES
from ouroloop.policy.saliency.prompts import action_logits, log_odds, prompts_of, read
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.snake_gpt import load
from ouroloop.protocols.errors import UsageError
from tests.policy.checkpoints import KINDS, checkpoint


@pytest.fixture(scope="module")
def policy():
    return load(find_policy("snake-gpt-6x6"))


@pytest.fixture(scope="module")
def seen(task):
    return task.positions(7, 12).observations()


@pytest.mark.parametrize("method", METHODS)
def test_a_map_is_a_share_of_each_cell_and_leaves_the_model_as_it_was(policy, seen, method):
    policy.model.train()
    before, way = {k: v.clone() for k, v in policy.model.state_dict().items()}, policy.model.config._attn_implementation
    found = explain(policy, seen, method)
    assert policy.model.training
    policy.model.eval()
    assert policy.model.config._attn_implementation == way
    assert all(torch.equal(v, before[k]) for k, v in policy.model.state_dict().items())
    assert all(weight.grad is None for weight in policy.model.parameters())
    assert found.tokens.dtype == found.cells.dtype == np.float32
    assert np.allclose(found.cells.sum(axis=1), 1, atol=1e-5)
    assert (found.cells >= 0).all()
    assert (found.heat.max(axis=1) == 1).all()
    assert (found.tokens[~policy.encode(seen)[1]] == 0).all()
    assert METHODS.keys() == TITLES.keys()


@pytest.mark.parametrize("method", METHODS)
def test_a_map_does_not_depend_on_the_positions_beside_it(policy, seen, method):
    whole, alone = explain(policy, seen, method), explain(policy, seen.take([4]), method)
    assert np.allclose(whole.cells[4], alone.cells[0], atol=1e-4)


def test_integrated_gradients_add_up_to_the_log_odds_beyond_those_of_neutral_tokens(policy, seen):
    prompts = prompts_of(policy, seen)
    chosen = torch.from_numpy(best_of(prompts))
    with torch.no_grad():
        ends = [
            log_odds(action_logits(read(prompts, embeddings, prompts.mask), prompts), chosen)
            for embeddings in (prompts.embeddings, prompts.neutral.expand_as(prompts.embeddings))
        ]
    beyond = (ends[0] - ends[1]).numpy()
    off = np.abs(attributed(prompts, "ig").tokens.sum(axis=1) - beyond)
    assert np.median(off / np.abs(beyond)) < 0.05


def test_rollout_is_the_product_of_the_layers(policy, seen):
    prompts = prompts_of(policy, seen.take([0]))
    policy.model.set_attn_implementation("eager")
    with torch.no_grad():
        layers = read(prompts, prompts.embeddings, prompts.mask, output_attentions=True).attentions
    policy.model.set_attn_implementation("sdpa")
    product = np.eye(prompts.mask.shape[1])
    for layer in layers:
        product = (0.5 * layer[0].mean(dim=0).numpy() + 0.5 * np.eye(len(product))) @ product
    assert np.allclose(attributed(prompts, "rollout").tokens[0], product[-1], atol=1e-5)


def test_maps_of_a_move_that_was_not_made_differ(policy, seen):
    made = explain(policy, seen, "ig")
    other = explain(policy, seen, "ig", (made.actions + 1) % len(policy.actions))
    assert np.abs(made.cells - other.cells).sum(axis=1).min() > 0.1


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_a_trained_policy_beat_random_ones(policy, task, method):
    prompts = prompts_of(policy, task.positions(7, 32).observations())
    found = faithfulness(prompts, attributed(prompts, method), 0, maps=4)
    assert found.random_deletion.shape == (32, 4)
    assert found.deletion_gain.low > 0
    assert found.insertion_gain.low > 0


def test_a_map_turned_around_is_worse_than_a_random_one(policy, seen):
    prompts = prompts_of(policy, seen)
    found = attributed(prompts, "ig")
    taken, put = curves(prompts, -found.tokens, found.actions)
    own = faithfulness(prompts, found, 0, maps=4)
    assert area(taken).mean() > own.random_deletion.mean()
    assert area(put).mean() < own.random_insertion.mean()


def test_curves_lead_from_the_whole_prompt_to_one_without_cells_and_back(policy, seen):
    prompts = prompts_of(policy, seen)
    found = attributed(prompts, "rollout")
    taken, put = curves(prompts, found.tokens, found.actions)
    with torch.no_grad():
        odds = torch.softmax(action_logits(read(prompts, prompts.embeddings, prompts.mask), prompts), dim=1).numpy()
    own = odds[np.arange(12), found.actions]
    assert np.allclose(taken[:, 0], own, atol=1e-5)
    assert np.allclose(put[:, -1], own, atol=1e-5)
    assert np.allclose(taken[:, -1], put[:, 0], atol=1e-5)


def test_an_area_is_a_mean_and_an_interval_students():
    assert area(np.array([[1.0, 0.5, 0.0], [1.0, 1.0, 1.0]])).tolist() == [0.5, 1.0]
    found = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_bases_have_maps_as_well(tmp_path, task, seen, kind):
    base = load_base(checkpoint(tmp_path / kind, kind), task=task, encoding="json", dtype=torch.float32)
    mask = base.encode(seen.take([0, 1]))[1]
    for method in METHODS:
        found = explain(base, seen.take([0, 1]), method)
        assert np.isfinite(found.tokens).all()
        assert (found.tokens[~mask] == 0).all()
        own = seen.row(0)
        named = {*own["snake"], own["food"]}
        assert found.cells[0][sorted(set(range(36)) - named)].sum() == 0


def test_an_unknown_method_is_refused(policy, seen):
    with pytest.raises(UsageError, match="did you mean rollout\\? choose one of rollout, gradcam, ig"):
        explain(policy, seen, "rolout")


def test_a_policys_saliency_is_a_source_of_rewards(policy, seen):
    assert np.array_equal(salience_of(policy, "rollout")(seen), explain(policy, seen, "rollout").cells)
