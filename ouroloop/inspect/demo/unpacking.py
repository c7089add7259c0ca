"""Makes a run directory of the run that comes with the package."""

from __future__ import annotations

import shutil
import zipfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from ouroloop.inspect.outline import Outline
from ouroloop.ledger.store import directory_hash
from ouroloop.policy.shipped import find_policy
from ouroloop.runs.phases.start import EXPLANATIONS

NAME: Final = "a-recorded-run"


def unpack(home: Path) -> Path:
    """Make the run directory in a folder, with its first policy, which ships with the package; return it."""
    folder = home / NAME
    with as_file(files("ouroloop.inspect.demo") / "run.zip") as packed, zipfile.ZipFile(packed) as parts:
        parts.extractall(folder)
    policy = find_policy(Outline(folder).recipe.start.policy)
    copy = folder / "artifacts" / "policy"
    shutil.copytree(policy, copy, ignore=shutil.ignore_patterns(*EXPLANATIONS))
    copy.rename(copy.with_name(directory_hash(copy)))
    return folder
