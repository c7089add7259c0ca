"""What people read on stdout and stderr. Every text reaches a terminal through here, and none of it is markup.

Strings are taken literally: square brackets stay, emoji codes stay, and hidden characters appear as escapes
(`protocols.text.plain`). Styles come from `rich.text.Text` objects that our own code makes.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ouroloop.protocols.text import plain
from ouroloop.streams import escaped, written

if TYPE_CHECKING:
    from rich.console import RenderableType

ENDLESS: Final = 100_000
"""The width of what is not a terminal: rows are never wrapped there, so that nothing is cut off and lines can be searched."""


class Plain(Console):
    """A console for which every string is just text."""

    def __init__(self, *, stderr: bool = False, width: int | None = None, file: Any = None, record: bool = False) -> None:
        """Write to stdout, stderr or a file. Without a terminal, and without COLUMNS, lines are as long as they need to be."""
        stream = file or (sys.stderr if stderr else sys.stdout)
        if width is None and not stream.isatty() and not os.environ.get("COLUMNS", "").isdigit():
            width = ENDLESS
        super().__init__(stderr=stderr, width=width, file=file, record=record, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, *, style: Any = "", justify: Any = None, overflow: Any = None, **_: Any) -> Text:
        """Return a string as text without markup, with hidden characters as escapes."""
        return Text(plain(text), style=style, justify=justify, overflow=overflow)

    def on_broken_pipe(self) -> None:
        """Let the caller of `show` and `say` decide."""
        raise


def cell(value: object, style: str = "") -> Text:
    """Return a text of our own style around content from anywhere."""
    return Text(plain(str(value)), style=style)


def width() -> int:
    """Return the columns of stdout: the terminal's, or COLUMNS; without both, more than anything needs."""
    return Plain().width


def show(renderable: RenderableType) -> None:
    """Print a table, or anything else that rich draws, on stdout; nothing of a table is cut off."""
    console = Plain()
    _fold(renderable, console)
    with written():
        if console.is_terminal:
            console.print(renderable)
            return
        with console.capture() as drawn:
            console.print(renderable)
        console.file.write(_without_trailing_spaces(drawn.get()))
        console.file.flush()


def _without_trailing_spaces(text: str) -> str:
    """Return lines without the spaces that fill them up to the width of a table."""
    return "\n".join(line.rstrip(" ") for line in text.split("\n"))


def _fold(renderable: object, console: Console) -> None:
    """Let the cells of a table fold where they would be cut, if need be even the columns that are not meant to."""
    if isinstance(renderable, Group):
        for part in renderable.renderables:
            _fold(part, console)
    if isinstance(renderable, Table):
        tight = Measurement.get(console, console.options, renderable).minimum >= console.width
        for column in renderable.columns:
            column.overflow = "fold"
            column.no_wrap = column.no_wrap and not tight


def say(text: object = "", *, style: str = "", err: bool = False) -> None:
    """Print one line of prose; a terminal breaks it at words."""
    with written():
        Plain(stderr=err).print(Text(escaped(text), style=style))


def say_lines(text: str, *, indent: str = "") -> None:
    """Print lines as they are, such as a diff or a command to copy; a terminal breaks none of them."""
    with written():
        for line in plain(text).split("\n"):
            Plain().print(Text(f"{indent}{line}"), soft_wrap=True)


def text_of(renderable: RenderableType, width: int = 160) -> str:
    """Return what `show` prints, as text."""
    console = Plain(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return _without_trailing_spaces(console.export_text())
