"""Any Gemma that sees, from a directory or from the local cache of the Hugging Face Hub.

The configuration and the sizes of the weights are checked before `transformers` makes a model of them. Only safetensors are
read, no code that comes with a model runs, and nothing is fetched from anywhere.
"""

from __future__ import annotations

import hashlib
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
import transformers
from pydantic import BaseModel, Field, ValidationError
from transformers.utils import logging as transformers_logging

from ouroloop.envs.capabilities import sight_of
from ouroloop.files import CARD_BYTES, read_regular, regular
from ouroloop.hub import CONFIG, find_model
from ouroloop.perception.encoders import told
from ouroloop.perception.gemma.config import CARD, WEIGHTS, GemmaCard, Precision, Quantisation
from ouroloop.protocols.errors import OuroloopError, SurroundingsError, UsageError
from ouroloop.protocols.jsonrpc import loads, one_line
from ouroloop.protocols.text import plain_line
from ouroloop.vetting import JSON_BYTES, vet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ouroloop.protocols.ports import Task

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "gemma3": ("Gemma3ForConditionalGeneration", "Gemma3Processor"),
    "gemma3n": ("Gemma3nForConditionalGeneration", "Gemma3nProcessor"),
    "gemma4": ("Gemma4ForConditionalGeneration", "Gemma4Processor"),
    "gemma4_unified": ("Gemma4UnifiedForConditionalGeneration", "Gemma4UnifiedProcessor"),
}
"""`model_type` in config.json -> the classes of `transformers` that load such a model and its processor."""


@dataclass(frozen=True, slots=True)
class Gemma:
    """A loaded checkpoint.

    Args:
        model: the `transformers` model, ready to answer.
        processor: makes its inputs of pictures and texts.
        kind: its `model_type`.
        name: as the user gave it.
        device: where the model is, as torch names it.
        card: what we trained it for; None for a checkpoint of others.
    """

    model: Any
    processor: Any
    kind: str
    name: str
    device: str
    card: GemmaCard | None


class _Tower(BaseModel):
    """The numbers of a tower's configuration from which `transformers` computes lengths and never compares with weights."""

    image_size: int = Field(default=224, ge=1, le=8192)
    patch_size: int = Field(default=16, ge=1, le=8192)


class _Shape(BaseModel):
    """The numbers of a whole configuration from which lengths are computed; others may stand beside them."""

    vision_config: _Tower = _Tower()
    mm_tokens_per_image: int = Field(default=256, ge=1, le=65_536)


def load_gemma(
    name_or_dir: str | Path,
    *,
    quantise: Quantisation = "none",
    dtype: Precision = "auto",
    device: str = "cpu",
    revision: str = "",
) -> Gemma:
    """Return a whole checkpoint, ready to answer.

    Args:
        name_or_dir: a directory, or a model on the Hugging Face Hub that the local cache has, such as `google/gemma-3-4b-it`.
        quantise: `4bit` keeps the decoder's matrices in 4 bits (NF4, bitsandbytes); on a GPU alone.
        dtype: of the weights that are not quantised.
        device: as torch names it.
        revision: of a model on the Hub.

    Raises:
        UsageError: there is no such directory, the checkpoint is of another kind, or it is damaged.
        SurroundingsError: the cache does not have the model; or a library, the device or the memory is lacking.
    """
    check_device(device, quantise)
    name = str(name_or_dir)
    folder, _ = find_model(name, revision)
    kind = vet_gemma(folder, name, tuple(KINDS))
    card = read_card(folder, name)
    classes = [class_of(part, name) for part in KINDS[kind]]
    processor = guarded("processor", name, classes[1].from_pretrained, folder, local_files_only=True, trust_remote_code=False)
    settings: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if quantise == "4bit":
        settings["quantization_config"] = four_bits(dtype)
    model = read_weights(classes[0], folder, name, **settings)
    return Gemma(model.eval().requires_grad_(False), processor, kind, name, device, card)


def vet_gemma(folder: Path, name: str, kinds: tuple[str, ...]) -> str:
    """Return the `model_type` of a checkpoint, whose configuration can be that of its weights.

    Raises:
        UsageError: it is none of `kinds`, or its files are damaged or too large.
    """
    try:
        config = loads(read_regular(folder / CONFIG, JSON_BYTES))
    except (OSError, ValueError) as error:
        raise UsageError(f"the configuration of {name} cannot be read: {plain_line(str(error), 160)}") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        found = plain_line(str(kind), 40) if kind else "model of unknown kind"
        blind = ", which reads text alone" if isinstance(kind, str) and kind.startswith("gemma") else ""
        raise UsageError(f"{name} is a {found}{blind}; expected a Gemma that sees ({', '.join(kinds)}): choose another")
    vet(folder, name)
    if kind == "gemma3":
        _vet_lengths(config, name)
    return kind


def _vet_lengths(config: object, name: str) -> None:
    try:
        shape = _Shape.model_validate(config)
    except ValidationError as error:
        raise UsageError(f"the configuration of {name} is not that of a Gemma-3: {plain_line(one_line(error))}") from None
    tokens, patches = shape.mm_tokens_per_image, shape.vision_config.image_size // shape.vision_config.patch_size
    side = math.isqrt(tokens)
    if side * side != tokens or not patches or patches % side:
        raise UsageError(
            f"the configuration of {name} makes {tokens} tokens of {patches}x{patches} patches, expected a square of a divisor "
            f"of {patches}: download or save it again"
        )


def read_card(folder: Path, name: str) -> GemmaCard | None:
    """Return the card of a checkpoint of ours, None for others. Raises UsageError if it is damaged, or of other weights."""
    if not (folder / CARD).exists():
        return None
    try:
        card = GemmaCard.model_validate_json(read_regular(folder / CARD, CARD_BYTES))
        with regular(folder / WEIGHTS) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except ValidationError as error:
        raise UsageError(f"{CARD} of {name} is damaged: {plain_line(one_line(error))}; train it again") from None
    except OSError as error:
        raise UsageError(f"{CARD} or {WEIGHTS} of {name} cannot be read: {told(error)}; train it again") from error
    if digest != card.sha256:
        raise UsageError(f"{CARD} of {name} does not match {WEIGHTS}: train it again, or take {CARD} away if they are yours")
    return card


def check_trained_for(card: GemmaCard | None, name: str, task: Task) -> None:
    """Raise UsageError if a checkpoint of ours was trained for another game or side; `card` is None for others."""
    side = sight_of(task).side
    if card is not None and (card.task, card.side) != (task.name, side):
        wanted, sees = f"{task.name} on {side}x{side}", f"{plain_line(card.task, 60)} on {card.side}x{card.side}"
        raise UsageError(f"the Gemma {name} sees {sees}, not {wanted}: train one for {wanted}")


def read_weights(kind: Any, folder: Path, name: str, **settings: Any) -> Any:
    """Return a model of a `transformers` class; all of its weights must be in the files.

    Raises:
        UsageError: weights are damaged or missing, or their shapes differ from the configuration.
        SurroundingsError: the model does not fit into memory, or a library is missing.
    """
    settings |= {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False}
    settings |= {"ignore_mismatched_sizes": True, "output_loading_info": True}
    model, found = guarded("weights", name, kind.from_pretrained, folder, **settings)
    # `transformers` fills weights that it does not find with random numbers.
    lacking = sorted({*found["missing_keys"], *(entry[0] for entry in found["mismatched_keys"])})
    if lacking:
        raise UsageError(f"the checkpoint {name} has no usable {lacking[0]} ({len(lacking)} in all): download or save it again")
    return model


def guarded(what: str, name: str, load: Any, *arguments: Any, **settings: Any) -> Any:
    """Return what a loader of `transformers` loads; whatever it raises becomes an error of ours."""
    try:
        with quiet():
            return load(*arguments, **settings)
    except Exception as error:  # `transformers` and `safetensors` raise anything on odd files
        raise _unreadable(what, name, error) from error


def _unreadable(what: str, name: str, error: Exception) -> OuroloopError:
    said = plain_line(str(error), 200) or type(error).__name__
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "out of memory" in said or "can't allocate" in said:
        return SurroundingsError(
            f"out of memory with the {what} of {name}: load it in 4 bits on a GPU, or choose a smaller one"
        )
    if isinstance(error, ImportError):
        return SurroundingsError(f"the {what} of {name} needs a library that is not installed: {said}")
    return UsageError(f"the {what} of {name} cannot be read: {said}")


def class_of(name: str, wanted: str) -> Any:
    """Return a class of `transformers` by name; SurroundingsError if the installed version lacks it."""
    found = getattr(transformers, name, None)
    if found is None:
        version = transformers.__version__
        raise SurroundingsError(
            f"{wanted} needs {name}, which transformers {version} does not have: `pip install -U transformers`"
        )
    return found


def check_device(device: str, quantise: Quantisation = "none") -> None:
    """Raise SurroundingsError if torch does not have a device, or if it cannot hold weights in 4 bits."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SurroundingsError(f"there is no device {device}: {plain_line(str(error), 80)}; choose cpu") from error
    if quantise == "none":
        return
    if not device.startswith("cuda"):
        raise SurroundingsError(f"4-bit weights need a GPU, found the device {device}: leave them whole, e.g. dtype = bfloat16")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise SurroundingsError("4-bit weights need bitsandbytes: `pip install bitsandbytes`") from error


def four_bits(dtype: Precision) -> Any:
    """Return the settings of NF4 with double quantisation (Dettmers et al. 2023); the tower and the projector stay whole."""
    compute = torch.bfloat16 if dtype == "auto" else getattr(torch, dtype)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
        llm_int8_skip_modules=["vision_tower", "multi_modal_projector", "embed_vision", "lm_head"],
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep `transformers` from writing to the console; its settings are restored afterwards."""
    logger = logging.getLogger("transformers")
    level, bars = logger.level, transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()
