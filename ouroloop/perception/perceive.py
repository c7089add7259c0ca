"""Observations as seen: photographed by a camera, and read back from the picture alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.perception.camera import Camera
    from ouroloop.perception.readers import BoardReader
    from ouroloop.protocols.records import Observations


@dataclass(frozen=True, slots=True)
class Sight:
    """How accurately boards have been seen so far.

    Args:
        boards: boards read.
        exact: boards of which everything visible was read correctly.
        repaired: boards whose first reading contradicted itself.
    """

    boards: int = 0
    exact: int = 0
    repaired: int = 0

    @property
    def share(self) -> float:
        """Share of boards read exactly; 1 before the first board."""
        return self.exact / self.boards if self.boards else 1.0


class VisionPerception:
    """Replaces what an observation says about the board with what a reader sees in its picture.

    What no picture shows passes through unchanged. A board is read the same way whatever else is in the batch.
    """

    def __init__(self, reader: BoardReader, camera: Camera) -> None:
        """Look at a task's boards.

        Args:
            reader: for this task.
            camera: takes the pictures; the same board always looks the same to it.
        """
        self.reader, self.camera = reader, camera
        self.sight = Sight()

    @property
    def exact(self) -> float:
        """Share of the boards so far that were read exactly."""
        return self.sight.share

    def __call__(self, observations: Observations) -> Observations:
        """Return the batch as it was seen, in new arrays of the same shapes and types; its `scene` is what was there.

        Observations with a `scene` are seen as the scene is.
        """
        truth = observations.scene or observations
        read = self.reader.read(self.look(truth))
        same = read.exact(truth)
        self.sight = Sight(
            self.sight.boards + len(read),
            self.sight.exact + int(same.sum()),
            self.sight.repaired + int(read.repaired.sum()),
        )
        return replace(read.into(truth), scene=truth)

    def look(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the pictures that the reader gets: (B, H, W, 3) uint8."""
        return self.camera.look(observations)
