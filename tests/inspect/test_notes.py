"""Notes about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ouroloop.inspect.notes import NOTES, Notes, read_notes, write_notes
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_noted_is_read_and_replaces_what_was(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == Notes()
    write_notes(tmp_path, " paper, baseline ,, paper", "first\nsecond\n")
    assert read_notes(tmp_path) == Notes(tags=("paper", "baseline"), text="first\nsecond")
    write_notes(tmp_path, "", "")
    assert read_notes(tmp_path) == Notes()


@pytest.mark.parametrize("tags", ["x" * 41, ", ".join(f"tag{n}" for n in range(21))])
def test_too_much_is_refused_and_changes_nothing(tmp_path: Path, tags: str) -> None:
    write_notes(tmp_path, "mine", "")
    with pytest.raises(UsageError, match="at most 20 tags of 40 characters"):
        write_notes(tmp_path, tags, "")
    assert read_notes(tmp_path).tags == ("mine",)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"tags": "x"}', b'{"tags": [" "]}', b"\xff", b'{"text": 7}'])
def test_a_file_of_another_form_is_no_note(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NOTES).write_bytes(content)
    assert read_notes(tmp_path) == Notes()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"text": "secret"}')
    (tmp_path / NOTES).symlink_to(tmp_path / "secret.json")
    assert read_notes(tmp_path) == Notes()
