"""What the whole suite shares: tests that need something from outside skip where it is missing, but never in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REQUIRED = set(filter(None, os.environ.get("OUROLOOP_REQUIRE", "").split(",")))
"""Markers whose tests must run: with `docker` in it a missing daemon is a failure, not a skip."""


def docker_answers() -> bool:
    """Return whether a Docker daemon answers."""
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture(scope="session")
def docker_daemon() -> None:
    """Skip where no daemon answers; fail where one is required."""
    if docker_answers():
        return
    if "docker" in REQUIRED:
        pytest.fail("no Docker daemon answers, but OUROLOOP_REQUIRE names docker")
    pytest.skip("no Docker daemon answers")


@pytest.fixture(autouse=True)
def _needs_docker(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("docker"):
        request.getfixturevalue("docker_daemon")


@pytest.fixture(scope="session")
def vllm_environment() -> Path:
    """Return the python of vLLM's environment; skip where there is none, fail where one is required."""
    from ouroloop.policy.serving.vllm_server import vllm_python
    from ouroloop.protocols.errors import SurroundingsError

    try:
        return vllm_python()
    except SurroundingsError as error:
        if "vllm" in REQUIRED:
            pytest.fail(f"{error}; OUROLOOP_REQUIRE names vllm")
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _needs_vllm(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("vllm"):
        request.getfixturevalue("vllm_environment")
