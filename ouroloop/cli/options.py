"""Option types that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

FOLDER: Final = click.Path(path_type=Path)
