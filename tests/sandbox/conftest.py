from __future__ import annotations

from collections.abc import Iterator

import pytest

from ouroloop.envs.snake.task import toolkit_source
from ouroloop.protocols.ports import Sandbox
from ouroloop.sandbox.choose import choose
from ouroloop.sandbox.wasm.sandbox import WasmSandbox


@pytest.fixture(scope="session")
def toolkit() -> str:
    # The real toolkit, so that the component built here is the one that the rest of the suite and `doctor` use.
    return toolkit_source()


@pytest.fixture
def wasm(toolkit: str) -> Iterator[WasmSandbox]:
    sandbox = WasmSandbox(toolkit, 4)
    yield sandbox
    sandbox.close()


@pytest.fixture
def cold(toolkit: str) -> Iterator[WasmSandbox]:
    """A sandbox that keeps no workers ready: its only processes are those of its sessions."""
    sandbox = WasmSandbox(toolkit, 4, warm=0)
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module", params=["wasm", pytest.param("docker", marks=pytest.mark.docker)])
def box(request: pytest.FixtureRequest, toolkit: str) -> Iterator[Sandbox]:
    """Each sandbox in turn, for a whole module."""
    if request.param == "docker":
        request.getfixturevalue("docker_daemon")
    sandbox = choose(request.param, toolkit, 4)
    yield sandbox
    sandbox.close()
