"""A game as an MP4, for slides and players that take no GIF. Its pictures are those of the GIF.

PyAV writes it, an optional package (`pip install 'ouroloop[video]'`). Its own licence is BSD; its wheels bring FFmpeg, x264 and
other libraries along, some of them under LGPL or GPL, so it is no part of what this package needs or ships.
"""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ouroloop.inspect.watch.animation import HOLD_MS, Frames, drawn
from ouroloop.protocols.errors import SurroundingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL import Image

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Moment

MOST_SHOWN: Final = 1000
"""The most moments of an MP4."""
CODECS: Final[dict[str, dict[str, str]]] = {
    "libx264": {"crf": "18", "preset": "veryfast"},
    "libopenh264": {},
    "libvpx-vp9": {"crf": "18", "b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4"},
}
"""Encoders, the one whose files most programs play first: a build of FFmpeg may lack some. And their settings."""
TICK_MS: Final = 10
"""The pause of a frame in the GIF from which the pictures are taken."""


def write_mp4(task: Task, frames: Frames, path: Path, fps: int) -> int:
    """Write an MP4; return its size in bytes.

    Args:
        task: the game.
        frames: at least one.
        path: the file.
        fps: frames per second.

    Raises:
        UsageError: the file cannot be written.
        SurroundingsError: PyAV is missing, or writes no MP4.
    """
    data = video(task, frames.kept, fps)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another --mp4") from None
    return len(data)


def video(task: Task, moments: Sequence[Moment], fps: int) -> bytes:
    """Return the bytes of an MP4 of these moments, at least one; the end of a game is held.

    Args:
        task: the game.
        moments: of the game.
        fps: frames per second.

    Raises:
        SurroundingsError: PyAV is missing, or writes no MP4.
    """
    av = require_video()
    name = next((name for name in CODECS if name in av.codecs_available), None)
    if name is None:
        raise SurroundingsError(f"this FFmpeg has none of the encoders {', '.join(CODECS)}: pip install --force-reinstall av")
    out = io.BytesIO()
    try:
        with closing(av.open(out, "w", format="mp4")) as container:
            stream = container.add_stream(name, rate=fps, options=CODECS[name])
            for number, picture in enumerate(_pictures(task, moments, fps)):
                if number == 0:
                    stream.width, stream.height, stream.pix_fmt, stream.thread_count = *picture.size, "yuv420p", 1
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            container.mux(stream.encode())
    except (av.FFmpegError, ValueError) as error:
        raise SurroundingsError(f"no MP4 could be made ({error}): save a GIF instead") from error
    return out.getvalue()


def require_video() -> Any:
    """Return PyAV. Raises SurroundingsError if it is missing."""
    try:
        import av
    except ImportError:
        raise SurroundingsError("an MP4 needs PyAV, which is not installed: pip install 'ouroloop[video]'") from None
    return av


def _pictures(task: Task, moments: Sequence[Moment], fps: int) -> Iterator[Image.Image]:
    """Yield the frames of a video, RGB pictures of even size; a picture that stays is yielded again."""
    from PIL import Image, ImageSequence

    hold = max(1, round(HOLD_MS * fps / 1000))
    pauses = [TICK_MS if moment.cause is None else TICK_MS * hold for moment in moments]
    with Image.open(io.BytesIO(drawn(task, moments, pauses))) as animation:
        for frame in ImageSequence.Iterator(animation):
            picture = frame.convert("RGB")
            picture = picture.crop((0, 0, picture.width + picture.width % 2, picture.height + picture.height % 2))
            for _ in range(max(1, round(frame.info.get("duration", TICK_MS) / TICK_MS))):
                yield picture
