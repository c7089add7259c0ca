"""Pictures to cells: a trained network with its card, and the directory that holds both.

A picture is brought to 8 pixels a cell, turned back as it lies, and read. Boards of any size go through the same network.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from ouroloop.atomic import whole_directory
from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.perception.aligning import fitted, straightened
from ouroloop.perception.cellnet import CELL_PX, CellNet, build, prepared
from ouroloop.perception.config import MOST_PX, ReaderConfig
from ouroloop.perception.optics import resized
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

WEIGHTS: Final = "weights.safetensors"
CARD: Final = "reader.json"
WEIGHTS_BYTES: Final = 64_000_000
CHUNK_CELLS: Final = 4096
"""Number of cells that go through the network at once."""


class ReaderCard(Frozen):
    """The contents of `reader.json`: the game that the weights are for, their training, and their accuracy.

    Args:
        task: the game's name.
        classes: kinds of cells.
        sizes: sides of the boards that were trained on; boards of any other size are read as well.
        exact: share of fresh boards of these sizes read exactly, from clean pictures in the looks of the training.
        exact_shaken: the same through the default camera, in looks that the training never drew.
        sha256: of the weights file.
    """

    format: Literal["ouroloop-reader/2"] = "ouroloop-reader/2"
    task: str
    classes: int
    sizes: tuple[int, ...]
    seed: int
    parameters: int
    exact: float
    exact_shaken: float
    sha256: str
    config: ReaderConfig


class CellEncoder:
    """Turns pictures into a class, or a latent, of each cell; see `reader.load_encoder`. An `eye.Encoder`."""

    name = "reader"

    def __init__(self, card: ReaderCard, model: CellNet, threads: int = 1) -> None:
        """Keep a card, its network, and how many chunks of a batch may be read at the same time."""
        self.card, self.width, self.game, self._threads = card, card.config.width, card.task, threads
        self._model = model.eval().requires_grad_(False)

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return the rows and columns of latents of a picture: one for each cell."""
        return side, side

    def probabilities(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return the class probabilities of each cell: (B, side * side, classes) float32; see `latents`."""
        found = self._run(lambda pictures: self._model(pictures).softmax(-1), pixels, side)
        return found.reshape(len(pixels), side * side, self.card.classes)

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return a latent of each cell: (B, side, side, width) float32, each number within [-4, 4].

        Args:
            pixels: (B, H, W, 3) uint8, square pictures with the same whole number of pixels for each cell.
            side: cells per side of the board in the picture.

        Raises:
            UsageError: the pictures have another form.
        """
        return self._run(self._model.latents, pixels, side)

    def save(self, folder: Path) -> None:
        """Write the encoder to a folder that does not exist yet; raises SurroundingsError if it cannot be written."""
        save_reader(folder, self.card, weights_of(self._model))

    def _run(self, forward: Callable[[Tensor], Tensor], pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return `forward` of all pictures, (B, side, side, ...), in chunks that stay in the processor's cache.

        Each thread takes whole chunks and runs torch with one thread. No thread then waits for another inside a layer, so a
        busy machine slows reading only in proportion, and the results do not depend on the number of threads.
        """
        check_pictures(pixels, side)
        chunk = max(1, CHUNK_CELLS // side**2)
        parts = [pixels[start : start + chunk] for start in range(0, max(1, len(pixels)), chunk)]

        def read_chunk(part: NDArray[np.uint8]) -> Tensor:
            with torch.inference_mode():
                return forward(prepared(self._straight(part, side)))

        with torch_threads(1):
            if self._threads == 1 or len(parts) == 1:
                found = torch.cat([read_chunk(part) for part in parts])
            else:
                with ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                    found = torch.cat(list(pool.map(read_chunk, parts)))
        out: NDArray[np.float32] = found.nan_to_num(0.0).numpy()  # a stranger's weights may overflow on the way
        return out

    def _straight(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        """Return pictures of `CELL_PX` pixels a cell with every cell at its place."""
        pixels = np.ascontiguousarray(resized(pixels, side * CELL_PX, side * CELL_PX))
        return straightened(pixels, fitted(self._model.lattice(prepared(pixels)).numpy()))


def check_pictures(pixels: NDArray[np.uint8], side: int) -> None:
    """Raise UsageError, which says what was found and what was expected, unless these are pictures of such boards.

    Args:
        pixels: should be (B, H, H, 3) uint8, H a multiple of the cells per side.
        side: cells per side.
    """
    found, wanted = f"{pixels.dtype} of shape {pixels.shape}", "RGB pictures, uint8 of shape (B, H, H, 3)"
    if pixels.dtype != np.uint8:
        raise UsageError(f"pictures are {found}, expected {wanted}: give values from 0 to 255 as uint8")
    if pixels.ndim == 4 and pixels.shape[3] == 4:
        raise UsageError(f"pictures are RGBA, {found}, expected {wanted}: leave out the fourth channel")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        raise UsageError(
            f"this is one RGBA picture, {found}, expected {wanted}: leave out the fourth channel, add a first axis"
        )
    if pixels.ndim == 2 or (pixels.ndim == 4 and pixels.shape[3] == 1) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise UsageError(f"pictures are grey, {found}, expected {wanted}: repeat the channel three times")
    if pixels.ndim == 3:
        raise UsageError(f"this is one picture, {found}, expected a batch of {wanted}: add a first axis")
    if pixels.ndim != 4 or pixels.shape[3] != 3:
        raise UsageError(f"pictures are {found}, expected {wanted}")
    height, width = pixels.shape[1:3]
    if height != width or height % side or not side <= height <= MOST_PX * side:
        sizes = f"{side}, {2 * side}, {3 * side}, ... up to {MOST_PX * side} pixels a side"
        raise UsageError(f"pictures are {height} x {width} pixels, expected {sizes} for boards of {side} x {side} cells")


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run with this many torch threads, then restore the previous number."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def weights_of(model: CellNet) -> bytes:
    """Return a network's weights as a safetensors file."""
    data: bytes = save({name: weight.contiguous() for name, weight in model.state_dict().items()})
    return data


def save_reader(out: Path, card: ReaderCard, weights: bytes) -> None:
    """Write a reader's directory in one step: it appears complete, or not at all.

    Raises:
        SurroundingsError: the disk is full, or the directory cannot be written.
    """
    try:
        with whole_directory(out, replace=False) as half:
            (half / WEIGHTS).write_bytes(weights)
            (half / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    except OSError as error:
        raise SurroundingsError(
            f"cannot write the reader {out}: {error.strerror}; free some space or choose another place"
        ) from error


def read_reader(path: Path) -> tuple[ReaderCard, CellNet]:
    """Return what `save_reader` wrote.

    Raises:
        UsageError: there is no reader, or it is damaged or of another kind.
    """
    try:
        card = ReaderCard.model_validate_json(read_regular(path / CARD, CARD_BYTES))
        weights = read_regular(path / WEIGHTS, WEIGHTS_BYTES)
        if hashlib.sha256(weights).hexdigest() != card.sha256:
            raise ValueError(f"{WEIGHTS} does not match {CARD}")
        model = build(card.classes, card.config.width, card.config.depth)
        model.load_state_dict(load(weights), assign=True)
        _check_numbers(model)
    except OSError as error:
        raise UsageError(f"no reader at {path}: {error.strerror or error}; train one there") from error
    except ValidationError as error:
        found = plain_line(one_line(error))
        raise UsageError(f"{path / CARD} describes no reader of this version: {found}; train it again") from error
    except (SafetensorError, RuntimeError, ValueError, TypeError) as error:
        found = plain_line(str(error), 160)
        raise UsageError(f"the reader {path} is damaged: {found}; delete it and train again") from error
    return card, model


def _check_numbers(model: CellNet) -> None:
    """Raise ValueError if a weight is of another type than those that `save_reader` writes, or is not finite."""
    for name, weight in model.state_dict().items():
        if weight.dtype != torch.float32:
            raise ValueError(f"{name} is {str(weight.dtype).removeprefix('torch.')}, expected float32")
        if not bool(torch.isfinite(weight).all()):
            raise ValueError(f"{name} holds numbers that are not finite")
