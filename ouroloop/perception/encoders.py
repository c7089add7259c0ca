"""Encoders: pictures to grids of latents; what all kinds of them share, and the place of each kind's code.

The code of a kind alone opens a folder of that kind. Tables name it, so that nothing here imports it before it is asked for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError

from ouroloop.atomic import whole_directory
from ouroloop.envs.capabilities import sight_of
from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.perception.camera import Camera
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.seeds import derived_seed
from ouroloop.protocols.text import did_you_mean, plain_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.perception.config import CameraConfig
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

ENCODERS: Final = {
    "reader": "ouroloop.perception.reader:load_encoder",
    "clip": "ouroloop.perception.clip.encoding:load_encoder",
    "gemma": "ouroloop.perception.gemma.encoding:load_encoder",
    "vae": "ouroloop.perception.vae.encoding:load_encoder",
}
"""Kind -> where the function is that opens a folder of it: `load_encoder(folder: Path) -> Encoder`."""
MAKERS: Final = {
    "clip": "ouroloop.perception.clip.encoding:make_encoder",
    "gemma": "ouroloop.perception.gemma.encoding:make_encoder",
}
"""Kind -> where the function is that makes an encoder of any model of it: `make_encoder(given, task, camera, *, seed)`."""
CARDS: Final = ("reader.json", "encoder.json", "vae.json", "gemma.json")
"""The files whose `format`, `ouroloop-KIND...`, says which kind a folder holds."""
SAMPLES: Final = 256
"""Positions whose pictures standardise the latents of a model that was made elsewhere."""
REACH: Final = 4.0
"""No latent is farther from zero, in standard deviations. What is rare, such as an apple on a large board, would be."""


class Encoder(Protocol):
    """Turns pictures of boards into grids of latents. One that was made for one game says so by an attribute `game`."""

    name: str
    width: int
    """Numbers of a latent."""

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return the rows and columns of latents of a picture.

        Args:
            side_px: pixels along a side of the picture.
            side: cells along a side of the board in it.

        Raises:
            UsageError: the encoder was made for boards of another size.
        """
        ...

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return the latents of pictures, (B, H, H, 3) uint8: (B, rows, columns, width) float32, within [-4, 4].

        Raises:
            UsageError: the pictures have another form, or the encoder was made for boards of another size.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write everything that makes this encoder into a folder that does not exist yet; see `written`."""
        ...


class CardFormat(BaseModel):
    """What every card of ours says; its other keys are its kind's own."""

    model_config = ConfigDict(frozen=True, extra="allow")
    format: str = Field(max_length=60)


def kind_of(folder: Path) -> str | None:
    """Return the kind of encoder that a folder holds, by its card; None if it holds nothing of ours."""
    for name in CARDS:
        with suppress(OSError, ValidationError):
            card = CardFormat.model_validate_json(read_regular(folder / name, 4 * CARD_BYTES)).format
            kind = card.partition("/")[0].removeprefix("ouroloop-").removesuffix("-encoder")
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
    return cast("Encoder", _named(ENCODERS[kind])(folder))


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
    model = kind in MAKERS and not (folder / "encoder.json").is_file()
    if not model or kind_of(folder) not in (None, kind):
        return open_encoder(kind, folder)
    return cast("Encoder", _named(MAKERS[kind])(given, task, Camera(task, camera, seed), seed=seed))


def _named(place: str) -> Callable[..., Any]:
    """Return the function at a place, `module:name`."""
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def check_game(encoder: Encoder, task: Task) -> None:
    """Raise UsageError if an encoder was made for another game."""
    game = getattr(encoder, "game", "") or task.name
    if game != task.name:
        mine, wanted = plain_line(game, 60), task.name
        raise UsageError(f"the encoder {encoder.name} was made for the game {mine}, not {wanted}: make one for {wanted}")


def check_side(name: str, made_for: int, side: int) -> None:
    """Raise UsageError if an encoder was made for boards of another size; `made_for` is 0 if it takes any."""
    if made_for and side != made_for:
        mine, wanted = f"{made_for}x{made_for}", f"{side}x{side}"
        raise UsageError(f"{name} was trained on boards of {mine}, not {wanted}: train one for {wanted}")


def check_square(pixels: NDArray[np.uint8]) -> None:
    """Raise UsageError unless these are square RGB pictures, (B, H, H, 3) uint8; `cells.check_pictures` knows the board too."""
    if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8:
        from ouroloop.perception.cells import check_pictures

        check_pictures(pixels, 1)
    height, width = pixels.shape[1:3]
    if height != width or not height:
        raise UsageError(f"pictures are {height} x {width} pixels, expected square ones: cut them, or fill them up")


def typical_boards(task: Task, seed: int, count: int) -> Observations:
    """Return positions from all phases of a game, as other settings of the game would show them too, for instance with walls.

    They come in the task's order. Snake begins with the shortest snakes: take `evenly` where a part is wanted.
    """
    seen = task.positions(derived_seed(seed, "typical", "positions"), count).observations()
    return sight_of(task).vary(seen, np.random.default_rng(derived_seed(seed, "typical", "variants")))


def typical_pictures(task: Task, camera: Camera, seed: int, count: int = SAMPLES) -> NDArray[np.uint8]:
    """Return a camera's pictures of `typical_boards`: (count, H, H, 3) uint8."""
    return camera.look(typical_boards(task, seed, count))


def evenly(boards: Observations, count: int) -> Observations:
    """Return `count` of these boards, or all if they are fewer, at equal distances from the first to the last."""
    rows = np.linspace(0, len(boards) - 1, min(count, len(boards))).round()
    return boards.take(rows.astype(np.int64))


def reseeded(camera: Camera, seed: int) -> Camera:
    """Return a camera with the same settings and looks that draws everything else, such as noise, from another seed.

    A camera always takes the same picture of a position. A training takes one for each step, and thereby never meets the same
    noise twice.
    """
    other = copy.copy(camera)
    other.seed = seed
    return other


@contextmanager
def written(out: Path, what: str) -> Iterator[Path]:
    """Give an empty folder to fill, which becomes the folder `out` when the block ends; it appears whole or not at all.

    Raises:
        SurroundingsError: the disk is full, or the folder cannot be written.
    """
    try:
        with whole_directory(out, replace=False) as half:
            yield half
    except (OSError, SafetensorError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else plain_line(str(error), 160)
        raise SurroundingsError(f"cannot write {what} {out}: {why}; free some space or choose another place") from error


def told(error: Exception) -> str:
    """Return what an error about a file says, as one line of at most 160 characters."""
    if isinstance(error, ValidationError):
        return plain_line(one_line(error), 160)
    if isinstance(error, OSError) and error.strerror:
        return plain_line(f"{Path(str(error.filename or '')).name}: {error.strerror}".removeprefix(": "), 160)
    if isinstance(error, KeyError):
        return plain_line(f"{error} is missing or unknown", 160)
    return plain_line(str(error), 160) or type(error).__name__
