"""The cache for things that are expensive to make but can be made again: `$XDG_CACHE_HOME/ouroloop`."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """Return the cache folder; it may not exist yet."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "ouroloop"


def model_cache() -> Path:
    """Return the folder of trained start models."""
    return cache_root() / "models"
