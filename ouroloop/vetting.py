"""The configuration of a model, held against the weights that lie beside it before `transformers` makes a model of it.

A model may be of any architecture, so its keys are not known. But a model cannot have more layers than its files have weights,
nor a dimension that no weight has. A configuration that says otherwise would fill the memory, or take for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

from ouroloop.files import check_regular, read_regular
from ouroloop.hub import CONFIG, WEIGHTS
from ouroloop.protocols.canonical import Json
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import loads
from ouroloop.protocols.text import plain_line

Shapes = dict[str, tuple[int, ...]]
"""Name of a weight -> its shape."""
JSON_BYTES: Final = 4_000_000
VOCABULARY_BYTES: Final = 512_000_000
WEIGHTS_BYTES: Final = 2**44
LIMITS: Final = {".json": VOCABULARY_BYTES, ".model": VOCABULARY_BYTES, ".txt": VOCABULARY_BYTES, ".jinja": JSON_BYTES}
"""The most bytes of the other files that loaders read, by their ending."""
DEPTH: Final = 12
DEEP: Final = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers", "num_encoder_layers")
"""Keys that count layers."""
WIDE: Final = ("vocab_size", "hidden_size", "n_embd", "d_model", "dim", "intermediate_size", "n_inner", "ffn_dim", "d_ff")
"""Keys that state a dimension of some weight."""
MANY: Final = ("num_attention_heads", "num_key_value_heads", "n_head", "head_dim", "num_experts", "num_local_experts")
"""Keys that state a part of a dimension."""


def vet(folder: Path, name: str) -> None:
    """Refuse a checkpoint whose configuration cannot be that of its weights.

    Args:
        folder: its directory.
        name: the model's name, for errors.

    Raises:
        UsageError: a file is damaged, no regular file or too large, or a number in the configuration is impossible.
    """
    what, shapes = "configuration", Shapes()
    try:
        config = loads(read_regular(folder / CONFIG, JSON_BYTES))
        what = "files"
        for path in sorted(folder.iterdir()):
            if path.suffix in LIMITS and not path.is_dir():
                check_regular(path, LIMITS[path.suffix])
        what = "weights"
        for path in sorted(folder.glob(WEIGHTS)):
            shapes |= shapes_in(path, WEIGHTS_BYTES)
    except (OSError, ValueError, SafetensorError) as error:
        raise UsageError(f"the {what} of {name} cannot be read: {plain_line(str(error), 160)}") from error
    if not isinstance(config, dict):
        raise UsageError(f"the configuration of {name} cannot be read: it is no table of settings")
    _hold(config, shapes, name)


def shapes_in(path: Path, most: int) -> Shapes:
    """Return the shapes of the weights in a file of at most `most` bytes, without reading the weights.

    Raises:
        OSError: the file is missing, no regular file, or larger.
        SafetensorError: it is damaged.
    """
    check_regular(path, most)
    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping


def _hold(config: dict[str, Json], shapes: Shapes, name: str) -> None:
    largest = max((math.prod(shape) for shape in shapes.values()), default=0)
    limits = {**dict.fromkeys(DEEP, len(shapes)), **dict.fromkeys((*WIDE, *MANY), largest)}
    for key, value in _numbers(config, name):
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"the configuration of {name} has {key} = {value}, expected a finite number")
        if key in limits and (value != int(value) or not 0 < value <= limits[key]):
            raise UsageError(
                f"the configuration of {name} has {key} = {value:g}, but no such model lies in its {len(shapes)} weights: "
                "download or save it again"
            )


def _numbers(value: Json, name: str, key: str = "", depth: int = 0) -> Iterator[tuple[str, int | float]]:
    """Yield every number in a configuration with its key."""
    if depth > DEPTH:
        raise UsageError(f"the configuration of {name} is nested more than {DEPTH} deep")
    if isinstance(value, dict):
        for inner, found in value.items():
            yield from _numbers(found, name, inner, depth + 1)
    elif isinstance(value, list):
        for found in value:
            yield from _numbers(found, name, "", depth + 1)
    elif key in (*DEEP, *WIDE, *MANY) and (isinstance(value, bool) or not isinstance(value, int | float | None)):
        raise UsageError(f"the configuration of {name} has {key} = {plain_line(repr(value), 40)}, expected a number")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value
