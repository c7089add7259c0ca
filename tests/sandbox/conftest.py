from __future__ import annotations

from collections.abc import Iterator

import pytest

from ouroloop.envs.snake.task import toolkit_source
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
