"""An eye: an encoder behind a camera, and the folder that holds both (`eye.json` and `encoder/`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field, ValidationError

from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig
from ouroloop.perception.encoders import Encoder, check_game, make_encoder, open_encoder, told, written
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

CARD: Final = "eye.json"
ENCODER: Final = "encoder"
KIND: Final = "picture"
"""The name under which `pyproject.toml` announces these eyes; every `eye.json` has its like under `eye`."""


class EyeCard(Frozen):
    """The contents of `eye.json`.

    Args:
        eye: the kind of the eye.
        encoder: the kind of its encoder, one of `encoders.ENCODERS`.
        task: name of the game that it looks at.
        seed: of the camera.
        camera: its settings.
    """

    format: Literal["ouroloop-eye/1"] = "ouroloop-eye/1"
    eye: Literal["picture"] = KIND
    encoder: str = Field(max_length=60)
    task: str
    seed: int = Field(default=0, ge=0, lt=1 << 64)
    camera: CameraConfig


class PictureEye:
    """Takes a picture of each position and encodes it; a `ports.Eye`. The same position always looks the same."""

    def __init__(self, task: Task, kind: str, encoder: Encoder, camera: CameraConfig, seed: int = 0) -> None:
        """Put an encoder behind a camera.

        Args:
            task: the game.
            kind: of the encoder.
            encoder: encodes the pictures.
            camera: the settings of the camera.
            seed: of the camera.

        Raises:
            UsageError: the game has no pictures, or not the camera's look; or the encoder was made for other boards.
        """
        check_game(encoder, task)
        self.camera, self.encoder = Camera(task, camera, seed), encoder
        self.card = EyeCard(encoder=kind, task=task.name, seed=seed, camera=camera)
        self.name, self.width = kind, encoder.width
        side = self.camera.sight.side
        self._grid = encoder.grid(side * self.camera.cell_px, side)

    def grid(self, observations: Observations) -> tuple[int, int]:
        """Return the rows and columns of latents, which are the same for all positions of the task."""
        return self._grid

    def look(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the pictures of positions, of their scenes where they have some: (B, H, W, 3) uint8."""
        return self.camera.look(observations if observations.scene is None else observations.scene)

    def see(self, observations: Observations) -> NDArray[np.float32]:
        """Return the latents of positions: (B, rows, columns, width) float32."""
        return self.encoder.latents(self.look(observations), self.camera.sight.side)

    def save(self, folder: Path) -> None:
        """Write the eye into a folder that does not exist yet; it appears complete or not at all.

        Raises:
            SurroundingsError: the disk is full, or the folder cannot be written.
        """
        with written(folder, "the eye") as half:
            self.encoder.save(half / ENCODER)
            (half / CARD).write_text(self.card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def load_eye(folder: Path, task: Task) -> PictureEye:
    """Return the eye in a folder, which may come from a stranger: nothing in it can run code.

    Args:
        folder: what `PictureEye.save` wrote.
        task: the game that it is to look at.

    Raises:
        UsageError: there is no eye, it is damaged, or it looks at another game or at boards of another size.
        SurroundingsError: a model that its encoder needs is not on this machine.
    """
    try:
        card = EyeCard.model_validate_json(read_regular(folder / CARD, CARD_BYTES))
    except (OSError, ValidationError) as error:
        raise UsageError(f"{folder} is no eye: {CARD} is missing or damaged ({told(error)}); make one anew") from error
    if card.task != task.name:
        raise UsageError(f"the eye {folder} looks at the game {plain_line(card.task, 60)}, found {task.name}: make one for it")
    return PictureEye(task, card.encoder, open_encoder(card.encoder, folder / ENCODER), card.camera, card.seed)


def eye_of(given: str | Path, kind: str, task: Task, camera: CameraConfig, seed: int = 0) -> PictureEye:
    """Return an eye made of an encoder that a user names, a camera and its seed; see `PictureEye` and `make_encoder`."""
    return PictureEye(task, kind, make_encoder(kind, given, task, camera, seed), camera, seed)
