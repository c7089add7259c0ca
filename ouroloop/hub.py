"""Models in the form of `save_pretrained`: in a directory, or in the local cache of the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ouroloop.protocols.errors import SurroundingsError, UsageError

CONFIG: Final = "config.json"
"""A file that every model's directory has."""
WEIGHTS: Final = "*.safetensors"


def find_model(name: str, revision: str = "") -> tuple[Path, bool]:
    """Return a model's directory, and whether the name is that directory.

    Nothing is downloaded: users fetch gigabytes themselves.

    Args:
        name: a directory, or a model on the Hugging Face Hub that the local cache has.
        revision: a branch, tag or commit of a model on the Hub.

    Raises:
        UsageError: the directory does not exist or has no model, or the name is not that of a model.
        SurroundingsError: the cache does not have the model.
    """
    folder = Path(name).expanduser()
    local = folder.is_dir()
    if not local:
        folder = _cached(name, revision)
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{folder} has no model: {CONFIG} is missing; choose a directory that `save_pretrained` wrote")
    if not any(folder.glob(WEIGHTS)):
        raise UsageError(f"{folder} has no weights in the safetensors format: save the model again with `save_pretrained`")
    return folder, local


def _cached(name: str, revision: str) -> Path:
    """Return the folder of a model in the Hub's cache."""
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, CONFIG, cache_dir=constants.HF_HUB_CACHE, revision=revision or None)
    except HFValidationError as error:
        raise UsageError(
            f"{name} is no directory, and no name of a model: expected a path, or owner/model as on the Hugging Face Hub"
        ) from error
    if not isinstance(found, str):
        exactly = f"{name} --revision {revision}" if revision else name
        raise SurroundingsError(
            f"the model {name} is not on this machine: looked for a directory of this name and in the cache "
            f"{constants.HF_HUB_CACHE} (HF_HUB_CACHE moves it); fetch it with `hf download {exactly}`, or name a directory"
        )
    return Path(found).parent
