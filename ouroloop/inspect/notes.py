"""What a user has noted about a run: tags and a few lines, in a file of the run directory that decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints, ValidationError

from ouroloop.atomic import whole_file
from ouroloop.ledger.parts import read_file
from ouroloop.protocols.errors import LedgerError, SurroundingsError, UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain, plain_line

NOTES: Final = "notes.json"
MOST_BYTES: Final = 65_536
MOST_TEXT: Final = 4000
Tag = Annotated[str, StringConstraints(pattern=r"^\S.{0,38}\S$|^\S$", max_length=40)]


class Notes(Frozen):
    """Tags, each of at most 40 characters, and a text."""

    tags: tuple[Tag, ...] = Field(default=(), max_length=20)
    text: str = Field(default="", max_length=MOST_TEXT)


def read_notes(folder: Path) -> Notes:
    """Return what is noted about a run; nothing if there is no file of that form."""
    try:
        found = Notes.model_validate_json(read_file(folder / NOTES, MOST_BYTES))
        return Notes(tags=tuple(plain_line(tag, 40) for tag in found.tags), text=plain(found.text)[:MOST_TEXT])
    except (OSError, LedgerError, ValidationError):
        return Notes()


def write_notes(folder: Path, tags: str, text: str) -> Notes:
    """Note something about a run, in place of what was noted before.

    Args:
        folder: the run directory.
        tags: separated by commas.
        text: a few lines.

    Raises:
        UsageError: a tag or the text is too long, or there are too many.
        SurroundingsError: the file cannot be written.
    """
    named = dict.fromkeys(plain_line(tag, 400) for tag in tags.split(","))
    try:
        notes = Notes(tags=tuple(tag for tag in named if tag), text=plain(text).strip())
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]}: {first['msg']}; a run has at most 20 tags of 40 characters") from None
    try:
        with whole_file(folder / NOTES) as half:
            half.write_text(notes.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SurroundingsError(f"{folder / NOTES} cannot be written: {error.strerror}") from error
    return notes
