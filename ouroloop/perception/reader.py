"""A reader: pictures to boards. One serves boards of all sizes; see `cells` for what lies in its directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.cells import CellEncoder, read_reader
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.perception.cells import ReaderCard
    from ouroloop.protocols.ports import Reading, Sight, Task


class Reader:
    """Reads one task's boards from pictures with any whole number of pixels a cell; see `load_reader`. An `eye.Encoder`."""

    name = "reader"

    def __init__(self, cells: CellEncoder, sight: Sight) -> None:
        """Keep what reads cells, and the game's sight, which knows how large the boards are."""
        self.cells, self.sight, self.side = cells, sight, sight.side
        self.width = cells.width

    @property
    def card(self) -> ReaderCard:
        """What is known of the reader."""
        return self.cells.card

    def read(self, pixels: NDArray[np.uint8]) -> Reading:
        """Return the positions that pictures show.

        Args:
            pixels: (B, side * px, side * px, 3) uint8, for any whole number px of pixels a cell.

        Raises:
            UsageError: the pictures have another form; the message says what was found and expected.
        """
        return self.sight.decode(self.probabilities(pixels))

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the class probabilities of each cell: (B, side * side, classes) float32; see `read`."""
        return self.cells.probabilities(pixels, self.side)

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return a latent of each cell: (B, side, side, width) float32; see `CellEncoder.latents`."""
        return self.cells.latents(pixels, side)

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return the rows and columns of latents: one for each cell."""
        return self.cells.grid(side_px, side)

    def save(self, folder: Path) -> None:
        """Write the reader to a folder that does not exist yet; raises SurroundingsError if it cannot be written."""
        self.cells.save(folder)


def load_reader(path: Path, task: Task, threads: int = 1) -> Reader:
    """Return the reader kept at `path`.

    Args:
        path: a directory that `train_reader` wrote.
        task: the task whose pictures will be read, on boards of any size.
        threads: number of chunks of a batch that are read at the same time.

    Raises:
        UsageError: there is no reader, it is damaged, or it is for another game.
    """
    sight = sight_of(task)
    card, model = read_reader(path)
    if (card.task, card.classes) != (task.name, sight.classes):
        found = f"{plain_line(card.task, 60)} with {card.classes} kinds of cells"
        raise UsageError(f"the reader {path} reads {found}, not {task.name} with {sight.classes}: train one for {task.name}")
    return Reader(CellEncoder(card, model, threads), sight)


def load_encoder(folder: Path) -> CellEncoder:
    """Return the encoder of a reader's directory, for any board size; raises UsageError as `load_reader` does."""
    return CellEncoder(*read_reader(folder))
