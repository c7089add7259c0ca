"""Readers of boards, of all kinds: the network of `cells`, a CLIP with a read-out, and a Gemma.

The file that a kind alone has says what a folder holds, and the code of that kind alone opens it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ouroloop.files import read_regular
from ouroloop.hub import CONFIG
from ouroloop.perception.encoders import kind_of, written
from ouroloop.perception.shipped import shelf
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Reading, Task

FILES: Final = {"reader.json": "reader", "readout.safetensors": "clip", "gemma.json": "gemma", CONFIG: "gemma"}
"""A file that a folder has whose model reads boards -> its kind; a Gemma that others made has the last one alone."""


class BoardReader(Protocol):
    """Reads one task's boards from pictures."""

    def read(self, pixels: NDArray[np.uint8]) -> Reading:
        """Return the positions that pictures show, (B, H, H, 3) uint8. Raises UsageError if they have another form."""
        ...


def find_reader(name_or_dir: str) -> Path:
    """Return the directory of a reader.

    Args:
        name_or_dir: a reader that ships with the package (`snake-clip`), or else a directory; `./NAME` means the directory.

    Raises:
        UsageError: there is neither.
    """
    names = sorted(folder.name for folder in shelf().iterdir() if any((folder / file).is_file() for file in FILES))
    if name_or_dir in names:
        return shelf() / name_or_dir
    path = Path(name_or_dir).expanduser()
    if path.is_dir():
        return path
    hint = did_you_mean(name_or_dir, names)
    raise UsageError(
        f"reader {name_or_dir!r} is no directory and no shipped reader; {hint}the shipped readers are {', '.join(names)}"
    )


def reader_kind(folder: Path) -> str:
    """Return what reads boards in a folder: `reader`, `clip` or `gemma`. Raises UsageError if nothing does."""
    for file, kind in FILES.items():
        if (folder / file).is_file():
            return kind
    found = kind_of(folder)
    what = "no reader" if found is None else f"an encoder of the kind {found!r}, which reads no boards"
    raise UsageError(f"{folder} holds {what}: name what `ouroloop train reader`, clip or gemma wrote, or any Gemma's directory")


def open_reader(folder: Path, task: Task) -> BoardReader:
    """Return the reader in a folder, which may come from a stranger: nothing in it can run code.

    Raises:
        UsageError: there is none, it is damaged, or it is for another game or other boards.
        SurroundingsError: a library that it needs, or the memory, is lacking.
    """
    kind = reader_kind(folder)
    if kind == "clip":
        from ouroloop.perception.clip.reading import load_clip_reader

        return load_clip_reader(folder, task)
    if kind == "gemma":
        from ouroloop.perception.gemma.eyes import GemmaReader
        from ouroloop.perception.gemma.loading import load_gemma

        return GemmaReader(load_gemma(folder), task)
    from ouroloop.perception.reader import load_reader

    return load_reader(folder, task)


def keep_reader(folder: Path, task: Task, out: Path) -> None:
    """Open the reader in a folder, and write it anew to the folder `out`, which does not exist yet.

    Only what was opened is written. Whatever else lies in the folder, and whatever it links to, stays where it is.

    Raises:
        UsageError: see `open_reader`.
        SurroundingsError: likewise; or the disk is full, or `out` cannot be written.
    """
    kind = reader_kind(folder)
    if kind == "clip":
        _keep_clip(folder, task, out)
    elif kind == "gemma":
        _keep_gemma(folder, task, out)
    else:
        from ouroloop.perception.reader import load_reader

        load_reader(folder, task).save(out)


def _keep_clip(folder: Path, task: Task, out: Path) -> None:
    from ouroloop.perception.clip.reading import READOUT, READOUT_BYTES, load_clip_reader

    reader = load_clip_reader(folder, task)
    with written(out, "the reader") as half:
        reader.encoder.write(half)
        (half / READOUT).write_bytes(read_regular(folder / READOUT, READOUT_BYTES))


def _keep_gemma(folder: Path, task: Task, out: Path) -> None:
    from ouroloop.perception.gemma.config import CARD, WEIGHTS
    from ouroloop.perception.gemma.eyes import GemmaReader
    from ouroloop.perception.gemma.loading import load_gemma, quiet
    from ouroloop.perception.gemma.small import save_checkpoint

    gemma = load_gemma(folder)
    GemmaReader(gemma, task)  # refuses boards for which it was not trained
    with written(out, "the reader") as half, quiet():
        save_checkpoint(gemma.model, gemma.processor, half)
        if gemma.card is not None:
            digest = hashlib.sha256((half / WEIGHTS).read_bytes()).hexdigest()
            card = gemma.card.model_copy(update={"sha256": digest})
            (half / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
