"""Option types that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

TRUST: Final = click.option(
    "--trust", is_flag=True, help="Agree to the code that the run's recipe imports, and to the models that it asks."
)
FOLDER: Final = click.Path(path_type=Path)
