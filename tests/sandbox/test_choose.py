from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.choose import choose


@pytest.fixture
def no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))


@pytest.mark.usefixtures("no_daemon")
def test_auto_is_wasm_without_a_daemon(toolkit: str) -> None:
    assert choose("auto", toolkit, 4).name == "wasm"


@pytest.mark.docker
def test_auto_is_docker_with_a_daemon(toolkit: str) -> None:
    sandbox = choose("auto", toolkit, 4)
    assert sandbox.name == "docker"
    sandbox.close()


@pytest.mark.usefixtures("no_daemon", "no_cache")
@pytest.mark.parametrize("name", ["auto", "docker", "wasm"])
def test_without_any_the_error_names_both_ways(toolkit: str, name) -> None:
    with pytest.raises(SurroundingsError, match=r"start a Docker daemon, or pip install wasmtime") as caught:
        choose(name, toolkit, 4)
    assert caught.value.exit_code == 3


@pytest.mark.usefixtures("no_daemon")
def test_a_sandbox_asked_for_by_name_is_not_replaced(toolkit: str) -> None:
    with pytest.raises(SurroundingsError, match="no Docker daemon answers"):
        choose("docker", toolkit, 4)
