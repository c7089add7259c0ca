"""Encoders: pictures to grids of latents. Each kind has a place for its code, which alone opens a folder of that kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.perception.camera import Camera
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import did_you_mean, plain_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.perception.config import CameraConfig
    from ouroloop.protocols.ports import Task

ENCODERS: Final = {
    "reader": "ouroloop.perception.reader:load_encoder",
    "clip": "ouroloop.perception.clip.encoding:load_encoder",
    "gemma": "ouroloop.perception.gemma.encoding:load_encoder",
    "vae": "ouroloop.perception.vae.encoding:load_encoder",
}
"""Kind -> where the function is that opens a folder of it: `load_encoder(folder: Path) -> Encoder`."""


CARDS: Final = ("reader.json", "encoder.json", "vae.json", "gemma.json")
"""The files whose `format`, `ouroloop-KIND...`, says which kind a folder holds."""
SAMPLES: Final = 256
"""Positions whose pictures standardise the latents of a model that was made elsewhere."""


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


class CardFormat(BaseModel):
    """What every card of ours says; its other keys are its kind's own."""

    model_config = ConfigDict(frozen=True, extra="allow")
    format: str = Field(max_length=60)


def kind_of(folder: Path) -> str | None:
    """Return the kind of encoder that a folder holds, by its card; None if it holds nothing of ours."""
    for name in CARDS:
        with suppress(OSError, ValidationError):
            written = CardFormat.model_validate_json(read_regular(folder / name, 4 * CARD_BYTES)).format
            kind = written.partition("/")[0].removeprefix("ouroloop-").removesuffix("-encoder")
            if kind in ENCODERS:
                return kind
    return None


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


def make_encoder(kind: str, given: str | Path, task: Task, camera: CameraConfig, seed: int = 0) -> Encoder:
    """Return the encoder of a kind that a user names, by the folder of one or by any model of that kind.

    A CLIP is named as for `clip.loading.load_clip`, with its pretrained weights after an `@` (`ViT-B-32@openai`); a Gemma as
    for `gemma.loading.load_gemma`. The latents of such models are standardised on pictures of the game.

    Args:
        kind: one of `ENCODERS`.
        given: a folder or a name.
        task: the game.
        camera: takes those pictures.
        seed: of the positions in them.

    Raises:
        UsageError: there is no such encoder or model, or it is damaged or of another kind.
        SurroundingsError: the model exists, but is not on this machine.
    """
    folder = Path(given).expanduser()
    model = kind in ("clip", "gemma") and not (folder / "encoder.json").is_file()
    if not model or kind_of(folder) not in (None, kind):
        return open_encoder(kind, folder)
    if kind == "gemma":
        from ouroloop.perception.gemma.encoding import make_encoder as of_gemma

        return of_gemma(given, task, Camera(task, camera, seed), seed=seed)
    from ouroloop.perception.clip.encoding import scaled_encoder
    from ouroloop.perception.clip.loading import load_clip

    name, _, weights = str(given).partition("@")
    pictures = Camera(task, camera, seed).look(task.positions(seed, SAMPLES).observations())
    return scaled_encoder(load_clip(name, weights), pictures)
