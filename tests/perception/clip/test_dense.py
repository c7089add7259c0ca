"""Features of patches: what they have to do with a picture's own vector, and towers that have none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from open_clip.model import CLIP

from ouroloop.perception.clip.dense import check_tower, dense, localise, patch_features, to_cells
from ouroloop.perception.clip.loading import load_clip
from ouroloop.perception.clip.model import ready
from ouroloop.perception.clip.small import PREPROCESS, seeded
from ouroloop.protocols.errors import UsageError
from tests.perception.clip.conftest import TASK

TEXT = {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1}


def toy(**vision):
    """Return a tiny random CLIP of open_clip."""
    vision_cfg = {"image_size": 32, "patch_size": 8, "width": 16, "layers": 2, "head_width": 8} | vision
    with seeded(0):
        model = CLIP(embed_dim=12, vision_cfg=vision_cfg, text_cfg=TEXT)
    config = {"model_cfg": {"embed_dim": 12, "vision_cfg": vision_cfg, "text_cfg": TEXT}, "preprocess_cfg": PREPROCESS}
    return ready("toy", model.eval().requires_grad_(False), config, lambda texts: torch.ones(len(texts), 8, dtype=torch.long))


def test_a_picture_is_the_mean_of_its_patches_where_the_tower_pools_by_the_mean(trained):
    clip = load_clip(trained[0])
    pixels = TASK.render(TASK.positions(2, 7).observations())
    patches = dense(clip, pixels)
    assert patches.shape == (7, 4, 4, 32)
    pooled = patches.reshape(7, 16, 32).mean(1)
    np.testing.assert_allclose(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), clip.of_pictures(pixels), atol=1e-5)


@pytest.mark.parametrize("pool", ["tok", "attentional"])
def test_the_value_path_is_the_towers_own_output_where_all_tokens_are_alike(pool):
    """If all tokens are equal, attention over them is each one's own value."""
    clip = toy(attentional_pool=pool == "attentional", attn_pooler_queries=2, attn_pooler_heads=2)
    visual = clip.model.visual
    for weight in (visual.conv1.weight, visual.class_embedding, visual.positional_embedding):
        weight.zero_()
    torch.nn.init.normal_(visual.ln_pre.bias, generator=torch.Generator().manual_seed(1))
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    patches = patch_features(visual, images)
    assert patches.shape == (1, 16, 12)
    torch.testing.assert_close(patches, visual(images)[:, None].expand_as(patches))


def test_patches_of_a_token_tower_tell_where_something_is():
    clip = toy()
    blank = np.zeros((1, 32, 32, 3), np.uint8)
    spot = blank.copy()
    spot[0, 8:16, 24:] = 255
    change = np.abs(dense(clip, spot) - dense(clip, blank)).sum(-1)[0]
    assert np.unravel_index(change.argmax(), change.shape) == (1, 3)


def test_scores_at_patches_become_scores_at_cells(trained):
    clip = load_clip(trained[0])
    pixels = TASK.render(TASK.positions(2, 3).observations())
    assert localise(clip, pixels, TASK.sight.phrases, 4).shape == (3, 16, 6)
    wide = localise(clip, pixels, TASK.sight.phrases, 8)
    assert wide.shape == (3, 64, 6)
    assert (np.abs(wide) <= 1 + 1e-5).all()
    with pytest.raises(UsageError, match="32 x 32 pixels, expected 5, 10, 15"):
        localise(clip, pixels, TASK.sight.phrases, 5)
    ramp = torch.arange(4.0).view(1, 1, 4, 1).expand(1, 4, 4, 1)
    assert to_cells(ramp, 4) is ramp
    assert to_cells(ramp, 2)[0, 0, :, 0].tolist() == [0.5, 2.5]


def test_towers_without_patches_of_their_own_are_refused():
    with pytest.raises(UsageError, match="ModifiedResNet for its eyes"):
        check_tower(toy(layers=(1, 1, 1, 1), width=8, head_width=16))
    with pytest.raises(UsageError, match="attention of another kind"):
        check_tower(toy(qk_norm=True))
    with pytest.raises(UsageError, match="pools twice"):
        check_tower(toy(attentional_pool="parallel", attn_pooler_queries=2, attn_pooler_heads=2))
