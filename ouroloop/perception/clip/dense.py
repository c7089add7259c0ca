"""What a CLIP sees in each patch of a picture, in the space of its texts, and where it sees what a phrase names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor
from torch.nn import functional

from ouroloop.perception.cells import check_pictures
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ouroloop.perception.clip.model import Clip


def patch_features(visual: Any, images: Tensor) -> Tensor:
    """Return what a vision tower says of each patch: (B, rows * columns, embed_dim).

    A tower that pools by the mean is linear from its last layer on, so its patches are projected as the mean is, and the mean
    of the results is the picture's own vector. In a tower that pools by attention (a class token, or learnt queries), a patch
    goes along the value path of that attention, as if it attended to itself alone (MaskCLIP; Zhou et al. 2022).

    Args:
        visual: open_clip's `VisionTransformer`; see `check_tower`.
        images: (B, 3, H, W) float32, as `Clip.inputs` gives them.
    """
    tokens = visual._embeds(images)
    blocks = list(visual.transformer.resblocks)
    pools_by_token = visual.attn_pool is None and visual.pool_type == "tok"
    for block in blocks[:-1] if pools_by_token else blocks:
        tokens = block(tokens)
    if pools_by_token:
        tokens = _block_values(blocks[-1], tokens)
    if visual.attn_pool is not None:
        tokens = _pool_values(visual.attn_pool, tokens)
    return visual.ln_post(tokens)[:, 1:] @ visual.proj


def _block_values(block: ResidualAttentionBlock, tokens: Tensor) -> Tensor:
    """Return a layer's tokens (B, T, width) as if each attended to itself alone."""
    attention = block.attn
    weight, bias = (part.chunk(3)[2] for part in (attention.in_proj_weight, attention.in_proj_bias))
    values = attention.out_proj(functional.linear(block.ln_1(tokens), weight, bias))
    tokens = tokens + block.ls_1(values)
    return tokens + block.ls_2(block.mlp(block.ln_2(tokens)))


def _pool_values(pool: Any, tokens: Tensor) -> Tensor:
    """Return tokens (B, T, width) along the value path of an attentional pooler: (B, T, pooled width)."""
    attention = pool.attn
    weight = attention.v_proj_weight if attention.in_proj_weight is None else attention.in_proj_weight.chunk(3)[2]
    return attention.out_proj(functional.linear(pool.ln_k(tokens), weight, attention.in_proj_bias.chunk(3)[2]))


def check_tower(clip: Clip) -> None:
    """Raise UsageError for a vision tower whose patches cannot be told apart: no ViT of open_clip's own."""
    visual = clip.model.visual
    if not isinstance(visual, VisionTransformer):
        raise UsageError(f"the CLIP {clip.name} has a {type(visual).__name__} for its eyes: choose a ViT of open_clip's own")
    if not all(isinstance(block, ResidualAttentionBlock) for block in visual.transformer.resblocks):
        raise UsageError(f"the CLIP {clip.name} has attention of another kind: choose a plain ViT of open_clip's own")
    if visual.attn_pool is not None and visual.attn_pool_contrastive is not None:
        raise UsageError(f"the CLIP {clip.name} pools twice: choose a plain ViT of open_clip's own")


def dense(clip: Clip, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what a CLIP says of each patch of pictures (B, H, H, 3) uint8: (B, rows, columns, width) float32.

    Raises:
        UsageError: the pictures have another form, or see `check_tower`.
    """
    check_tower(clip)
    visual = clip.model.visual
    features = clip.over(pixels, lambda images: patch_features(visual, images))
    return features.reshape(len(features), *visual.grid_size, clip.width)


def localise(clip: Clip, pixels: NDArray[np.uint8], phrases: Sequence[str], side: int) -> NDArray[np.float32]:
    """Return how well each phrase fits each cell: (B, side * side, P) float32, the cosine between its patch and the phrase.

    Where patches are not cells, scores are interpolated between the patches' centres.

    Args:
        clip: the model.
        pixels: (B, H, H, 3) uint8, H a multiple of the side.
        phrases: P texts.
        side: cells per side of the boards in the pictures.

    Raises:
        UsageError: the pictures have another form, or see `check_tower`.
    """
    check_pictures(pixels, side)
    patches = torch.from_numpy(dense(clip, pixels))
    scores = functional.normalize(patches, dim=-1) @ torch.from_numpy(clip.of_texts(phrases)).T
    return to_cells(scores, side).flatten(1, 2).numpy()  # type: ignore[no-any-return]  # torch has no types


def to_cells(grid: Tensor, side: int) -> Tensor:
    """Return values at patches (B, rows, columns, N) as values at cells: (B, side, side, N), bilinearly interpolated."""
    if grid.shape[1:3] == (side, side):
        return grid
    planes = grid.permute(0, 3, 1, 2)
    return functional.interpolate(planes, (side, side), mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
