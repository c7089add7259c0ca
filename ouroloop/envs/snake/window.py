"""A window that shows pictures, for render mode `human`; it uses tkinter from Python's standard library."""

from __future__ import annotations

import time
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from ouroloop.protocols.errors import SurroundingsError


class Window:
    """One window, opened with its first picture.

    Args:
        title: text in the window's frame.
        fps: most pictures per second; `show` waits accordingly.

    Raises:
        SurroundingsError: there is no screen, or this Python has no tkinter.
    """

    def __init__(self, title: str, fps: int) -> None:
        """Open the window."""
        remedy = "use render_mode='rgb_array' or 'ansi' instead"
        try:
            import tkinter

            self._root: Any = tkinter.Tk()
        except ImportError as error:
            raise SurroundingsError(f"no window: this Python has no tkinter (Debian: python3-tk); or {remedy}") from error
        except tkinter.TclError as error:
            raise SurroundingsError(f"no window: {error}; {remedy}") from error
        self._root.title(title)
        self._label: Any = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._pause_s, self._due_s = 1 / fps, 0.0

    def show(self, picture: NDArray[Any]) -> None:
        """Show a picture, (H, W, 3) uint8, when it is due."""
        import tkinter

        image = Image.fromarray(picture)
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._due_s = time.monotonic() + self._pause_s
        header = f"P6 {image.width} {image.height} 255 ".encode()
        self._label.image = tkinter.PhotoImage(master=self._root, data=header + image.tobytes(), format="ppm")
        self._label.configure(image=self._label.image)
        self._root.update()

    def close(self) -> None:
        """Close the window; safe to call twice."""
        if self._root is not None:
            self._root.destroy()
            self._root = None
