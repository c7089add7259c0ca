"""The sandbox image, with a daemon that answers from a script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from docker.errors import ImageNotFound

from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.docker import image
from ouroloop.sandbox.docker.image import RECORD, ensure_image


class Daemon:
    """Answers an import with a text; knows no image, unless it has made one."""

    def __init__(self, told: str) -> None:
        self.api = self.images = self
        self.id = ""
        self._told = told

    def get(self, name: str) -> Daemon:
        if name != self.id:
            raise ImageNotFound(name)
        return self

    def import_image_from_data(self, *_: object, **__: object) -> str:
        self.id = "sha256:1"
        return self._told


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(image, "pack", lambda files: b"")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ('{"status": "Importing"}\n{"error": "no space left on \\u001b[2Jdevice"}', "no space left on"),
        ("", "it says nothing"),
        ("not JSON", "not JSON"),
        ("[1]", "[1]"),
    ],
)
def test_a_daemon_that_makes_no_image_is_told_in_one_line(told: str, says: str) -> None:
    with pytest.raises(SurroundingsError, match="the Docker daemon made no sandbox image") as said:
        ensure_image(Daemon(told), "")
    assert says in str(said.value)
    assert "\n" not in str(said.value)


def test_an_image_is_made_once_and_again_if_its_record_goes_as_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(json.dumps({"status": "sha256:1"}))
    assert ensure_image(daemon, "") == "sha256:1"
    daemon._told = ""
    assert ensure_image(daemon, "") == "sha256:1"

    def sound(entry: Path) -> bool:
        (entry / RECORD).unlink()
        return True

    monkeypatch.setattr(image, "is_sound", sound)
    daemon._told = json.dumps({"status": "sha256:1"})
    assert ensure_image(daemon, "") == "sha256:1"
