"""A directory in open_clip's format, checked before open_clip makes a model of it.

Such a directory may come from a stranger. Its configuration could name models elsewhere, let a tokenizer run code, or describe
a network that fills the memory. Its weights could be a pickle. Each of these is refused in one line.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from pydantic import Field, JsonValue, ValidationError

from ouroloop.files import check_regular, read_regular
from ouroloop.perception.clip.alone import alone
from ouroloop.perception.clip.model import CONFIG, WEIGHTS
from ouroloop.perception.encoders import told
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line
from ouroloop.vetting import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_BYTES: Final = 1_000_000
WEIGHTS_BYTES: Final = 64_000_000_000
NAMES: Final = (WEIGHTS, "open_clip_pytorch_model.safetensors", "model.safetensors")
"""Files of weights, in the order in which open_clip chooses among them."""
PICKLES: Final = ("*.bin", "*.pth", "*.pt")
MOST: Final = {"layers": 256, "width": 16_384, "heads": 256, "image_size": 4096, "patch_size": 4096, "context_length": 4096}
"""The largest sensible values of numbers in a configuration."""
MOST_OTHER: Final = 2_000_000
TIMM: Final = re.compile(r"[\w.-]+")
"""A network that timm knows by name; one with a colon or slash would be fetched."""
TOKENIZER_KEYS: Final = frozenset({"clean", "strip_sep_token"})
"""What a configuration may say of its tokenizer; anything else would go to `transformers`."""
Table = dict[str, JsonValue]


class ModelSettings(Frozen):
    """`model_cfg`: the towers as open_clip describes them."""

    embed_dim: int
    vision_cfg: Table
    text_cfg: Table
    quick_gelu: bool = False
    custom_text: bool = False
    init_logit_scale: float = 2.6593
    init_logit_bias: float | None = None
    nonscalar_logit_scale: bool = False


Pixels = Annotated[int, Field(ge=1, le=4096)]
Mean = Annotated[float, Field(ge=-1e6, le=1e6)]
Deviation = Annotated[float, Field(ge=1e-6, le=1e6)]


class Preprocess(Frozen):
    """`preprocess_cfg`: what is done to pictures; for a setting that is missing or null, open_clip has a default."""

    size: Pixels | tuple[Pixels, Pixels] | None = None
    mode: Literal["RGB"] | None = None
    mean: tuple[Mean, Mean, Mean] | None = None
    std: tuple[Deviation, Deviation, Deviation] | None = None
    interpolation: Literal["bilinear", "bicubic", "random"] | None = None
    resize_mode: Literal["shortest", "longest", "squash"] | None = None
    fill_color: int | None = Field(default=None, ge=0, le=255)


class Settings(Frozen):
    """The contents of `open_clip_config.json`."""

    model_cfg: ModelSettings
    preprocess_cfg: Preprocess = Preprocess()


def vet(folder: Path) -> dict[str, Any]:
    """Return the `model_cfg` of a directory's `open_clip_config.json`.

    Raises:
        UsageError: there is no such directory, it is of another kind or damaged, or it would reach for something elsewhere.
    """
    if not folder.is_dir():
        raise UsageError(f"no CLIP at {folder}: there is no such directory; name one that holds {CONFIG}, or a model's name")
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{folder} holds no CLIP: {CONFIG} is missing{_kind(folder)}; save it in open_clip's format")
    try:
        text = read_regular(folder / CONFIG, CONFIG_BYTES)
        found = Settings.model_validate_json(text)
    except (OSError, ValidationError) as error:
        raise _damaged(folder, told(error)) from error
    _check_tower(folder, "vision_cfg", found.model_cfg.vision_cfg, {field.name for field in fields(CLIPVisionCfg)})
    _check_tower(folder, "text_cfg", found.model_cfg.text_cfg, {field.name for field in fields(CLIPTextCfg)})
    model_cfg = found.model_cfg.model_dump(exclude_unset=True)
    _check_weights(folder, found.model_cfg, model_cfg)
    _check_others(folder)
    return model_cfg


def _kind(folder: Path) -> str:
    """Return a hint at what else a directory holds."""
    kinds = (("adapter_config.json", "an adapter"), ("reader.json", "a board reader"), ("config.json", "a transformers model"))
    return next((f" (it is {what})" for name, what in kinds if (folder / name).is_file()), "")


def _check_tower(folder: Path, tower: str, table: Table, known: set[str]) -> None:
    if unknown := sorted(table.keys() - known):
        raise _damaged(folder, f"{tower} has {plain_line(unknown[0], 60)}, which open_clip does not know")
    if table.get("hf_model_name"):
        raise UsageError(f"the CLIP {folder} takes its text tower from the Hugging Face Hub: choose one that is complete")
    timm = table.get("timm_model_name")
    if timm and not TIMM.fullmatch(str(timm)):
        raise UsageError(f"the CLIP {folder} takes its vision tower from elsewhere: choose one that is complete")
    kwargs = table.get("tokenizer_kwargs") or {}
    if not isinstance(kwargs, dict) or kwargs.keys() - TOKENIZER_KEYS:
        raise _damaged(folder, "tokenizer_kwargs may hold clean and strip_sep_token alone")
    for key, value in table.items():
        for number in value if isinstance(value, list) else [value]:
            most = MOST.get(key, MOST_OTHER)
            if isinstance(number, (int, float)) and not -most <= number <= most:
                raise _damaged(folder, f"{tower}.{key} is {number}, at most {most} is possible")


def _check_weights(folder: Path, found: ModelSettings, model_cfg: dict[str, Any]) -> None:
    """Refuse weights that are no safetensors, and a network with more numbers than the file has bytes."""
    name = next((name for name in NAMES if (folder / name).is_file()), None)
    if name is None:
        pickled = any(next(folder.glob(pattern), None) for pattern in PICKLES)
        what = "its weights are a pickle, which could run code" if pickled else "its weights are missing"
        raise UsageError(f"the CLIP {folder} has no {WEIGHTS}: {what}; save it again as safetensors")
    try:
        held = check_regular(folder / name, WEIGHTS_BYTES)
    except OSError as error:
        raise _damaged(folder, told(error)) from error
    numbers = _numbers(folder, found, model_cfg)
    if numbers > held:
        raise _damaged(folder, f"its configuration has {numbers} numbers, {name} has {held} bytes")


def _numbers(folder: Path, found: ModelSettings, model_cfg: dict[str, Any]) -> int:
    """Return the size of a network in numbers, without making it. A tower of timm's is built by timm, and as little made."""
    kept = {key: value for key, value in model_cfg.items() if key != "custom_text"}
    if found.vision_cfg.get("timm_model_name"):
        kept["vision_cfg"] = {**found.vision_cfg, "timm_model_pretrained": False}  # it would fetch weights
    try:
        with alone(), torch.device("meta"):
            model = (CustomTextCLIP if found.custom_text else CLIP)(**kept)
    except Exception as error:  # open_clip, timm and torch raise anything on odd settings
        raise _damaged(folder, told(error)) from error
    return sum(weight.numel() for weight in model.parameters())


def _check_others(folder: Path) -> None:
    """Refuse files that a tokenizer would be read from if they are no regular files, or too large."""
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix in LIMITS and not path.is_dir():
                check_regular(path, LIMITS[path.suffix])
    except OSError as error:
        raise _damaged(folder, told(error)) from error


def _damaged(folder: Path, why: str) -> UsageError:
    return UsageError(f"the CLIP {folder} cannot be read: {plain_line(why, 160)}; save it again in open_clip's format")
