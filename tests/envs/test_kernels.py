"""Numba unpickles its cache: what others planted there must not run, and what is damaged must heal."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest

from ouroloop.envs.kernels import COMPILING, allocating_kernel, telling_of_compiling


def doubled(x: int) -> int:
    return 2 * x


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.proof),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kernels"))
    assert hits() == (0, 1)
    assert hits() == (1, 0)
    return tmp_path / "kernels"


def hits() -> tuple[int, int]:
    """Compile afresh, call, and return how often the cache had the code and how often it had not."""
    kernel: Any = allocating_kernel(doubled)
    assert kernel(21) == 42
    return sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values())


def files(folder: Path, kind: str) -> list[Path]:
    return list(folder.rglob(f"*.{kind}"))


def cut(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path, _: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def plant(path: Path, proof: Path) -> None:
    path.write_bytes(pickle.dumps(Planted(proof)))


def plant_before(path: Path, proof: Path) -> None:
    path.write_bytes(pickle.dumps(Planted(proof)) + path.read_bytes())


def link(path: Path, _: Path) -> None:
    path.rename(path.with_suffix(".old"))
    path.symlink_to(path.with_suffix(".old"))


def open_up(path: Path, _: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("harm", [cut, empty, flip, plant, plant_before, link, open_up], ids=lambda harm: harm.__name__)
def test_a_kernel_that_is_not_as_it_was_written_is_compiled_again(
    folder: Path, tmp_path: Path, kind: str, harm: Callable[[Path, Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    for path in files(folder, kind):
        harm(path, tmp_path / "proof")
    with caplog.at_level(logging.WARNING):
        assert hits() == (0, 1)
    assert not (tmp_path / "proof").exists()
    assert "compiled again" in caplog.text
    assert hits() == (1, 0)


def test_a_kernel_of_another_user_is_compiled_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inodes = {path.stat().st_ino for path in files(folder, "nb?")}
    assert len(inodes) == 2
    monkeypatch.setattr("ouroloop.files.is_ours", lambda found: found.st_ino not in inodes)
    assert hits() == (0, 1)


def test_nobody_else_can_write_what_is_kept(folder: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in files(folder, "nb?")} == {0o600}


ASK = """
import os, numba
from ouroloop.envs import kernels
kernels._use_own_cache()
print(numba.config.CACHE_DIR, os.environ.get("NUMBA_CACHE_DIR"))
"""


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "NUMBA_CACHE_DIR"])
def test_a_folder_that_others_can_write_is_left_alone(tmp_path: Path, variable: str) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"} | {variable: str(shared)}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    used, told = done.stdout.split()
    assert used == told
    assert not Path(used).is_relative_to(shared)
    assert not Path(used).exists()  # it went with its process
    assert f"set {variable} to a folder of your own" in done.stderr


def test_compiling_is_told_once_and_only_if_it_happens() -> None:
    told: list[str] = []
    first, second = numba.njit(lambda x: x + 1), numba.njit(lambda x: x + 2)
    with telling_of_compiling(told.append):
        assert (first(1), second(1)) == (2, 3)
    assert told == [COMPILING]
    with telling_of_compiling(told.append):
        first(1)
    assert told == [COMPILING]
