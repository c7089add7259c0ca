"""Where a base is found, and how it is recognised later."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ouroloop.files import check_regular, read_regular
from ouroloop.hub import CONFIG, WEIGHTS, find_model
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import plain_line
from ouroloop.vetting import VOCABULARY_BYTES, WEIGHTS_BYTES

SAMPLES, SAMPLE_BYTES = 64, 4096
"""Samples of every weights file that the fingerprint reads: an instant for the 15 GB of a model of 7 billion."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The identity of a base.

    Args:
        name: as the user gave it: `owner/model`, or a directory's absolute path.
        revision: the commit on the Hugging Face Hub; empty for a directory.
        fingerprint: SHA-256 of its configuration, its vocabulary and samples of its weights.
    """

    name: str
    revision: str
    fingerprint: str


def find_checkpoint(name: str, revision: str = "") -> tuple[Path, Origin]:
    """Return a base's directory and its identity. Nothing is downloaded: users fetch gigabytes themselves.

    Args:
        name: a directory, or a model on the Hugging Face Hub that the local cache has.
        revision: a branch, tag or commit of a model on the Hub.

    Raises:
        UsageError: the directory does not exist or has no model, or the name is not that of a model.
        SurroundingsError: the cache does not have the model.
    """
    folder, local = find_model(name, revision)
    try:
        mark = fingerprint(folder)
    except OSError as error:
        raise UsageError(f"the checkpoint {folder} cannot be read: {plain_line(str(error), 160)}") from error
    return folder, Origin(str(folder.resolve()) if local else name, "" if local else folder.name, mark)


def fingerprint(folder: Path) -> str:
    """Return a hash that distinguishes models, even of the same architecture, without reading all of their weights."""
    digest = hashlib.sha256()
    for name in (CONFIG, "tokenizer.json"):
        if (folder / name).is_file():
            digest.update(read_regular(folder / name, VOCABULARY_BYTES))
    for path in sorted(folder.glob(WEIGHTS)):
        size = check_regular(path, WEIGHTS_BYTES)
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for sample in range(SAMPLES):
                file.seek(sample * max(0, size - SAMPLE_BYTES) // (SAMPLES - 1))
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()
