"""A trained reader: pictures to boards, and the directory that holds it (`weights.safetensors` and `reader.json`)."""

from __future__ import annotations

import contextlib
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from ouroloop.atomic import whole_directory
from ouroloop.envs.capabilities import sight_of
from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.perception.config import ReaderConfig
from ouroloop.perception.vit import CellVit, build, normalise, patchify
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Reading, Sight, Task

WEIGHTS: Final = "weights.safetensors"
CARD: Final = "reader.json"
WEIGHTS_BYTES: Final = 256_000_000
CHUNK_CELLS: Final = 4096
"""Number of cells that go through the network at once."""


class ReaderCard(Frozen):
    """The contents of `reader.json`: the game and board that the weights are for, their training, and their accuracy.

    Args:
        exact: share of held-out boards read exactly, from clean pictures.
        exact_augmented: the same for pictures altered as in training.
        sha256: of the weights file.
    """

    format: Literal["ouroloop-reader/1"] = "ouroloop-reader/1"
    task: str
    size: int
    seed: int
    parameters: int
    exact: float
    exact_augmented: float
    sha256: str
    config: ReaderConfig


class Reader:
    """Reads boards of one task and size from pictures; see `load_reader`."""

    def __init__(self, card: ReaderCard, sight: Sight, model: CellVit, threads: int = 1) -> None:
        """Keep a card, the game's sight, a trained network, and how many chunks may be read at the same time."""
        self.card = card
        self._sight = sight
        self.cell_px = card.config.cell_px
        self._model = model.eval().requires_grad_(False)
        self._threads = threads

    def read(self, pixels: NDArray[np.uint8]) -> Reading:
        """Return the positions that pictures show.

        Args:
            pixels: (B, size*cell_px, size*cell_px, 3) uint8.

        Raises:
            UsageError: the pictures have another shape.
        """
        return self._sight.decode(self.probabilities(pixels))

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the class probabilities of each cell: (B, size*size, classes) float32; see `read`."""
        out: NDArray[np.float32] = self._run(lambda patches: self._model(patches).softmax(-1), pixels).numpy()
        return out

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return each picture's latent, the mean of its tokens: (B, width) float32; see `read`."""
        out: NDArray[np.float32] = self._run(lambda patches: self._model.tokens(patches).mean(1), pixels).numpy()
        return out

    def _run(self, forward: Callable[[torch.Tensor], torch.Tensor], pixels: NDArray[np.uint8]) -> torch.Tensor:
        """Return `forward` of all pictures, in chunks that stay in the processor's cache.

        Each thread takes whole chunks and runs torch with one thread. No thread then waits for another inside a layer, so a
        busy machine slows reading only in proportion, and the results do not depend on the number of threads.
        """
        self._check(pixels)
        chunk = max(1, CHUNK_CELLS // self.card.size**2)
        parts = [pixels[start : start + chunk] for start in range(0, max(1, len(pixels)), chunk)]

        def read_chunk(part: NDArray[np.uint8]) -> torch.Tensor:
            with torch.inference_mode():
                return forward(normalise(patchify(np.ascontiguousarray(part), self.cell_px)))

        with torch_threads(1):
            if self._threads == 1 or len(parts) == 1:
                return torch.cat([read_chunk(part) for part in parts])
            with ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return torch.cat(list(pool.map(read_chunk, parts)))

    def _check(self, pixels: NDArray[np.uint8]) -> None:
        """Refuse pictures of another shape or type than this reader takes."""
        side = self.card.size * self.cell_px
        if pixels.shape[1:] != (side, side, 3) or pixels.dtype != np.uint8:
            found = f"{pixels.dtype} {pixels.shape[1:]}"
            raise UsageError(f"pictures of {found}: this reader takes uint8 ({side}, {side}, 3), {self.cell_px} pixels a cell")


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run with this many torch threads, then restore the previous number."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def network(sight: Sight, config: ReaderConfig) -> CellVit:
    """Return the network of a configuration for a game's pictures, without weights.

    Raises:
        UsageError: the number of heads does not divide the width.
    """
    if config.width % config.heads:
        raise UsageError(f"reader width {config.width} is no multiple of its {config.heads} heads: change one of them")
    return build(sight.side, sight.classes, config.cell_px, config.width, config.depth, config.heads)


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


def load_reader(path: Path, task: Task, threads: int = 1) -> Reader:
    """Return the reader kept at `path`.

    Args:
        path: a directory that `train_reader` wrote.
        task: the task whose pictures will be read.
        threads: number of chunks of a batch that are read at the same time.

    Raises:
        UsageError: there is no reader, it is damaged, or it is for another task or board size.
    """
    sight = sight_of(task)
    try:
        card = ReaderCard.model_validate_json(read_regular(path / CARD, CARD_BYTES))
        if (card.task, card.size) != (task.name, sight.side):
            raise _other_board(path, card, task, sight)
        weights = read_regular(path / WEIGHTS, WEIGHTS_BYTES)
        model = network(sight, card.config)
        model.load_state_dict(load(weights), assign=True)
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"no reader at {path}: {error.strerror or error}; train one there") from error
    except (ValidationError, SafetensorError, RuntimeError, ValueError, TypeError) as error:
        raise UsageError(f"the reader {path} is damaged: {str(error).splitlines()[0]}; delete it and train again") from error
    if hashlib.sha256(weights).hexdigest() != card.sha256:
        raise UsageError(f"the reader {path} is damaged: {WEIGHTS} does not match {CARD}; delete it and train again")
    return Reader(card, sight, model, threads)


def _other_board(path: Path, card: ReaderCard, task: Task, sight: Sight) -> UsageError:
    wanted, reads = f"{task.name} on {sight.side}x{sight.side}", f"{plain_line(card.task, 60)} on {card.size}x{card.size}"
    return UsageError(f"the reader {path} reads {reads}, not {wanted}: train one for {wanted}")


def weights_of(model: CellVit) -> bytes:
    """Return a network's weights as a safetensors file."""
    data: bytes = save({name: weight.contiguous() for name, weight in model.state_dict().items()})
    return data
