"""Encoders: pictures to grids of latents. Each kind has a place for its code, which alone opens a folder of that kind."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import did_you_mean, plain_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENCODERS: Final = {
    "reader": "ouroloop.perception.reader:load_encoder",
    "clip": "ouroloop.perception.clip.encoding:load_encoder",
    "gemma": "ouroloop.perception.gemma.encoding:load_encoder",
    "vae": "ouroloop.perception.vae.encoding:load_encoder",
}
"""Kind -> where the function is that opens a folder of it: `load_encoder(folder: Path) -> Encoder`."""


CARDS: Final = {"reader": "reader.json", "clip": "clip.json", "gemma": "gemma.json", "vae": "vae.json"}
"""Kind -> the file by which a folder of it is recognised."""


class Encoder(Protocol):
    """Turns pictures of boards into grids of latents."""

    name: str
    width: int
    """Numbers of a latent."""

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return the rows and columns of latents of a picture.

        Args:
            side_px: pixels along a side of the picture.
            side: cells along a side of the board in it.
        """
        ...

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return the latents of pictures, (B, H, W, 3) uint8: (B, rows, columns, width) float32, within about [-4, 4]."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that makes this encoder into a folder that does not exist yet."""
        ...


def kind_of(folder: Path) -> str | None:
    """Return the kind of encoder that a folder holds, by its card; None if it holds none that we trained."""
    return next((kind for kind, card in CARDS.items() if (folder / card).is_file()), None)


def open_encoder(kind: str, folder: Path) -> Encoder:
    """Return the encoder of a kind that a folder holds.

    Raises:
        UsageError: there is no such kind, or no encoder of it in the folder.
        SurroundingsError: a model that it needs is not on this machine.
    """
    if kind not in ENCODERS:
        raise UsageError(
            f"no encoder of the kind {plain_line(kind, 60)!r}: {did_you_mean(kind, ENCODERS)}known are {', '.join(ENCODERS)}"
        )
    if not folder.is_dir():
        raise UsageError(f"no encoder at {folder}: name the folder of a trained {kind}")
    if (found := kind_of(folder)) not in (None, kind):
        raise UsageError(f"{folder} holds an encoder of the kind {found!r}, expected {kind!r}: name another")
    module, _, name = ENCODERS[kind].partition(":")
    return cast("Callable[[Path], Encoder]", getattr(import_module(module), name))(folder)
