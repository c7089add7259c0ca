"""The cache of trained start models, which are expensive to make but can be made again: `$XDG_CACHE_HOME/ouroloop/models`."""

from __future__ import annotations

from pathlib import Path

from ouroloop.cached import cache_root, own_folder

__all__ = ["cache_root", "model_cache"]


def model_cache() -> Path:
    """Return the folder of trained start models.

    Raises:
        SurroundingsError: it cannot be made, or others can write it.
    """
    return own_folder(cache_root() / "models")
