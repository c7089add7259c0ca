"""What outsiders could plant in a cache, and what a crash leaves there, is not used; what is made again is sound."""

from __future__ import annotations

import json
import logging
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from ouroloop import cached, files
from ouroloop.cached import MANIFEST, cache_root, is_sound, new_entry, own_folder, read_own
from ouroloop.protocols.errors import SurroundingsError

GiveAway = Callable[[Path], None]
NOBODY = 65534


@pytest.fixture
def give_away(monkeypatch: pytest.MonkeyPatch) -> GiveAway:
    """Make a path another user's; where we may not, make it look so."""

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        else:
            inode = path.lstat().st_ino
            monkeypatch.setattr(files, "is_ours", lambda found: found.st_ino != inode)

    return give


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    with new_entry(tmp_path / "entry") as half:
        (half / "code").write_bytes(b"native code")
        (half / "more").mkdir()
        (half / "more" / "data").write_bytes(b"data")
    return tmp_path / "entry"


def test_an_entry_as_it_was_made_is_sound(entry: Path) -> None:
    assert is_sound(entry)
    assert {path.name for path in entry.rglob("*")} == {"code", "more", "data", MANIFEST}


def test_an_entry_made_under_a_loose_mask_can_be_written_by_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with new_entry(tmp_path / "entry") as half:
            (half / "code").write_bytes(b"x")
    finally:
        os.umask(before)
    assert is_sound(tmp_path / "entry")


def cut(entry: Path, _: GiveAway) -> None:
    (entry / "code").write_bytes(b"nat")


def empty(entry: Path, _: GiveAway) -> None:
    (entry / "code").write_bytes(b"")


def change(entry: Path, _: GiveAway) -> None:
    (entry / "more" / "data").write_bytes(b"dat4")


def add(entry: Path, _: GiveAway) -> None:
    (entry / "more" / "new").write_bytes(b"")


def lose(entry: Path, _: GiveAway) -> None:
    (entry / "code").unlink()


def lose_hashes(entry: Path, _: GiveAway) -> None:
    (entry / MANIFEST).unlink()


def spoil_hashes(entry: Path, _: GiveAway) -> None:
    (entry / MANIFEST).write_bytes(b'{"code": \xff')


def nest_hashes(entry: Path, _: GiveAway) -> None:
    (entry / MANIFEST).write_text("[" * 100_000)


def link(entry: Path, _: GiveAway) -> None:
    (entry / "code").rename(entry.parent / "elsewhere")
    (entry / "code").symlink_to(entry.parent / "elsewhere")


def link_folder(entry: Path, _: GiveAway) -> None:
    (entry / "more").rename(entry.parent / "elsewhere")
    (entry / "more").symlink_to(entry.parent / "elsewhere")


def link_entry(entry: Path, _: GiveAway) -> None:
    entry.rename(entry.parent / "elsewhere")
    entry.symlink_to(entry.parent / "elsewhere")


def pipe(entry: Path, _: GiveAway) -> None:
    (entry / "code").unlink()
    os.mkfifo(entry / "code")


def be_a_file(entry: Path, _: GiveAway) -> None:
    entry.rename(entry.parent / "elsewhere")
    entry.write_bytes(b"native code")


def open_file(entry: Path, _: GiveAway) -> None:
    (entry / "code").chmod(0o666)


def open_to_group(entry: Path, _: GiveAway) -> None:
    (entry / "code").chmod(0o664)


def open_folder(entry: Path, _: GiveAway) -> None:
    entry.chmod(0o777)


def plant(entry: Path, give_away: GiveAway) -> None:
    give_away(entry / "code")


def plant_hashes(entry: Path, give_away: GiveAway) -> None:
    give_away(entry / MANIFEST)


def plant_entry(entry: Path, give_away: GiveAway) -> None:
    give_away(entry)


HARMS = [cut, empty, change, add, lose, lose_hashes, spoil_hashes, nest_hashes, link, link_folder, link_entry, pipe, be_a_file,
         open_file, open_to_group, open_folder, plant, plant_hashes, plant_entry]  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_what_is_not_ours_or_not_whole_is_replaced_and_said_so(
    entry: Path, harm: Callable[[Path, GiveAway], None], give_away: GiveAway, caplog: pytest.LogCaptureFixture
) -> None:
    harm(entry, give_away)
    with caplog.at_level(logging.WARNING):
        assert not is_sound(entry)
        assert os.path.lexists(entry)  # telling changes nothing: another process may be making it anew
        assert caplog.messages == []
        with new_entry(entry, replace=False) as half:
            (half / "code").write_bytes(b"native code")
    assert is_sound(entry)
    (line,) = caplog.messages
    assert "damaged or not ours" in line
    assert "made again" in line
    assert all(path.exists() for path in entry.parent.glob("elsewhere*"))  # what a link led to stays


def test_a_sound_entry_is_replaced_only_if_asked(entry: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match="not empty"), new_entry(entry, replace=False):
        pass
    with new_entry(entry) as half:
        (half / "code").write_bytes(b"other code")
    assert (entry / "code").read_bytes() == b"other code"
    assert caplog.messages == []


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    with new_entry(tmp_path / "entry") as half, (half / "weights").open("wb") as weights:
        weights.truncate(64 << 20)
    tracemalloc.start()
    try:
        assert is_sound(tmp_path / "entry")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_an_entry_that_is_not_there_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not is_sound(tmp_path / "entry")
    assert caplog.messages == []


def test_a_file_of_another_user_is_not_read(tmp_path: Path, give_away: GiveAway) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    assert read_own(path) == b"x"
    give_away(path)
    with pytest.raises(PermissionError, match="another user"):
        read_own(path)


def test_a_cache_folder_is_made_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a" / "b"))
    before = os.umask(0)
    try:
        folder = own_folder(cache_root() / "wasm")
    finally:
        os.umask(before)
    assert folder == tmp_path / "a" / "b" / "ouroloop" / "wasm"
    assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent, tmp_path / "a")} == {0o700}
    assert own_folder(folder) == folder


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o775, 0o1777, 0o702])
def test_a_folder_that_others_can_write_is_no_cache(tmp_path: Path, mode: int) -> None:
    folder = own_folder(tmp_path / "cache")
    folder.chmod(mode)
    with pytest.raises(SurroundingsError, match=r"can be written by others; delete it, or set XDG_CACHE_HOME"):
        own_folder(folder)


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_nor_is_one_whose_parent_others_can_write(tmp_path: Path, mode: int) -> None:
    folder = own_folder(tmp_path / "home" / "cache" / "wasm")
    (tmp_path / "home").chmod(mode)
    with pytest.raises(SurroundingsError, match=rf"lies in {tmp_path}/home, which others can write"):
        own_folder(folder)
    (tmp_path / "home").chmod(0o1777)  # as /tmp: nobody can exchange what is another's
    assert own_folder(folder) == folder


def test_nor_is_one_of_another_user(tmp_path: Path, give_away: GiveAway) -> None:
    folder = own_folder(tmp_path / "cache")
    give_away(folder)
    with pytest.raises(SurroundingsError, match="belongs to another user"):
        own_folder(folder)


def test_nor_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "cache").symlink_to(own_folder(tmp_path / "elsewhere"))
    with pytest.raises(SurroundingsError, match="is a link"):
        own_folder(tmp_path / "cache")


def test_nor_is_one_below_a_link_into_what_others_can_write(tmp_path: Path) -> None:
    inner = own_folder(tmp_path / "shared" / "inner" / "wasm").parent
    (tmp_path / "shared").chmod(0o777)
    (tmp_path / "cache").symlink_to(inner)
    with pytest.raises(SurroundingsError, match="which others can write"):
        own_folder(tmp_path / "cache" / "wasm")


def test_a_home_that_belongs_to_another_user_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = own_folder(tmp_path / "home" / "wasm")
    inode, stat = (tmp_path / "home").stat().st_ino, Path.stat

    def stranger(path: Path, **options: bool) -> os.stat_result:
        found = stat(path, **options)
        fields = list(found)
        fields[4] = 4321
        return os.stat_result(fields) if found.st_ino == inode else found

    monkeypatch.setattr(Path, "stat", stranger)
    with pytest.raises(SurroundingsError, match="which others can write or own"):
        own_folder(folder)


def test_a_private_group_may_write_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = own_folder(tmp_path / "home" / "wasm")
    (tmp_path / "home").chmod(0o775)
    for private in (True, False):
        monkeypatch.setattr(cached, "_is_own_group", lambda _, private=private: private)
        if private:
            assert own_folder(folder) == folder
        else:
            with pytest.raises(SurroundingsError):
                own_folder(folder)


def test_the_hashes_are_those_of_sha256(entry: Path) -> None:
    import hashlib

    recorded = json.loads((entry / MANIFEST).read_text())
    assert recorded == {"code": hashlib.sha256(b"native code").hexdigest(), "more/data": hashlib.sha256(b"data").hexdigest()}
