"""Option types that commands share, and the check of the places that they name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from ouroloop.protocols.errors import UsageError

TRUST: Final = click.option(
    "--trust", is_flag=True, help="Agree to the code that the run's recipe imports, and to the models that it asks."
)
FOLDER: Final = click.Path(path_type=Path)
SEED: Final = click.IntRange(0, (1 << 63) - 1)
GAME: Final = click.IntRange(0, (1 << 64) - 1)
"""The own seed of a game, which a run's seed gives it."""


def place(path: Path, option: str) -> Path:
    """Return a path that a command will write, after making the folders above it.

    Args:
        path: the file or folder to write.
        option: the option that named it.

    Raises:
        UsageError: the folders cannot be made, or nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = os.access(path if path.exists() else path.parent, os.W_OK)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{option} {path} cannot be written ({reason}): choose another place") from None
    if not found:
        raise UsageError(f"{option} {path} cannot be written (permission denied): choose another place")
    return path


def file_at(path: Path, option: str) -> Path:
    """Return a file that a command will write; raises UsageError as `place` does, or if it is a directory."""
    if place(path, option).is_dir():
        raise UsageError(f"{option} {path} is a directory: give the name of a file")
    return path


def folder_at(path: Path, option: str) -> Path:
    """Return a folder that a command will write files to, after making it; raises UsageError if that is impossible."""
    place(path / "any", option)
    return path
