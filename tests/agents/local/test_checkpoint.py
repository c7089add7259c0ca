"""Weights are unpacked for vLLM once, by its own interpreter; here a script stands in its place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ouroloop.agents.local.catalog import Weights, is_local, weights_of
from ouroloop.agents.local.checkpoint import checkpoint
from ouroloop.agents.local.serving import require
from ouroloop.agents.local.weights import place
from ouroloop.cached import new_entry
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.vllm_environment import VARIABLE

CONTENT = b"weights"
MODEL = Weights(
    "small", (), "", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), 64, "none", "a model of a test", template="<{{ m }}>"
)  # fmt: skip


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put weights into a cache of the test, and a script in the place of vLLM; return where it writes its arguments."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "python"))
    with new_entry(place(MODEL).parent) as half:
        (half / "small.gguf").write_bytes(CONTENT)
    script(tmp_path, 'cat "$2" > "$3/model.safetensors"')
    return tmp_path / "told"


def script(folder: Path, body: str) -> None:
    """Write the interpreter's stand-in; it gets the script, the weights, the folder and the template."""
    (folder / "python").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {folder}/told\n{body}\n', encoding="utf-8")
    (folder / "python").chmod(0o755)


def test_weights_are_unpacked_once(told: Path) -> None:
    found = checkpoint(MODEL, 2)
    assert (found / "model.safetensors").read_bytes() == CONTENT
    assert checkpoint(MODEL, 2) == found
    script_given, source, folder, template = told.read_text().splitlines()
    assert Path(script_given).name == "unpack.py"
    assert (source, template) == (str(place(MODEL)), "<{{ m }}>")
    assert folder != str(found), "it is filled beside its place, and moved there when it is whole"


def test_a_damaged_checkpoint_is_unpacked_again(told: Path) -> None:
    file = checkpoint(MODEL, 2) / "model.safetensors"
    file.write_bytes(b"other")
    assert (checkpoint(MODEL, 2) / "model.safetensors").read_bytes() == CONTENT
    assert len(told.read_text().splitlines()) == 8


def test_what_fails_says_so_and_leaves_nothing(told: Path, tmp_path: Path) -> None:
    script(tmp_path, 'touch "$3/half"; echo "no module named gguf" >&2; exit 1')
    with pytest.raises(SurroundingsError, match=r"(?s)small could not be unpacked for vLLM; rebuild.*make vllm.*named gguf"):
        checkpoint(MODEL, 2)
    assert [path.name for path in place(MODEL).parents[1].iterdir()] == [place(MODEL).parent.name]


def test_weights_that_are_not_here_are_not_unpacked(told: Path) -> None:
    place(MODEL).write_bytes(b"damage!")
    with pytest.raises(SurroundingsError, match="ouroloop models --fetch small"):
        checkpoint(MODEL, 2)
    assert not told.exists()


def test_a_recipe_names_either_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [is_local(name) for name in ("local:x", "vllm:x", "openai:x", "vllmx", None)] == [True, True, False, False, False]
    assert weights_of("vllm:smollm2-135m") is weights_of("local:smollm2-135m")
    with pytest.raises(UsageError, match="no local model 'x'"):
        weights_of("vllm:x")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    monkeypatch.setattr("ouroloop.agents.local.serving.is_fetched", lambda weights: True)
    with pytest.raises(SurroundingsError, match=rf"{VARIABLE} names .*nowhere.*make vllm"):
        require("vllm:smollm2-135m")
