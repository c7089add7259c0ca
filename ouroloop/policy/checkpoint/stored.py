"""The weights in a safetensors file: their names and shapes are compared with those expected before any is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import plain_line
from ouroloop.vetting import Shapes, shapes_in

HEADER: Final = 100_000_000
"""The most bytes that a safetensors header may have."""


def read_weights(path: Path, expected: Mapping[str, tuple[int, ...]], what: str) -> dict[str, torch.Tensor]:
    """Return the weights of a file, which must be the expected ones: the same names and shapes, finite numbers.

    Args:
        path: the file.
        expected: name -> shape.
        what: whose weights they are, for errors.

    Raises:
        UsageError: the file is missing or damaged, or holds other weights.
    """
    most = 4 * sum(math.prod(shape) for shape in expected.values()) + HEADER
    try:
        found = shapes_in(path, most)
        _compare(found, expected, what)
        weights: dict[str, torch.Tensor] = load_file(path)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{what} cannot be read: {path.name}: {plain_line(str(error), 160)}") from error
    for name, weight in weights.items():
        if not weight.is_floating_point() or not bool(torch.isfinite(weight).all()):
            raise UsageError(f"{what} cannot be read: {name} holds something other than finite numbers; train it again")
    return weights


def _compare(found: Shapes, expected: Mapping[str, tuple[int, ...]], what: str) -> None:
    odd = sorted(found.keys() ^ expected.keys())
    if odd:
        where = "is missing from the file" if odd[0] in expected else "does not belong there"
        raise UsageError(f"{what} cannot be read: {plain_line(odd[0], 80)} {where} ({len(odd)} weights in all)")
    for name, shape in expected.items():
        if found[name] != shape:
            raise UsageError(f"{what} cannot be read: {name} has the shape {found[name]}, its configuration says {shape}")
