"""What the whole suite shares: a task, seeds, one thread for torch, and skips for what is missing outside (never in CI)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import hypothesis
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Set

    from ouroloop.envs.snake.task import SnakeTask

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

hypothesis.settings.register_profile("ouroloop", deadline=None)  # the first example may compile a kernel
hypothesis.settings.load_profile("ouroloop")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell has what it runs in the background ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
REQUIRED = set(filter(None, os.environ.get("OUROLOOP_REQUIRE", "").split(",")))
"""Markers whose tests must run: with `docker` in it a missing daemon is a failure, not a skip."""
ALL: Final = frozenset({"browser", "docker", "model", "vllm"})
"""With all of these required, as in CI, a skip of any test for any reason is a failure."""


def docker_answers() -> bool:
    """Return whether a Docker daemon answers."""
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    )


def unskipped(report: Report, required: Set[str]) -> Report:
    """Return a report of a test or a module, as a failure if it was skipped where all must run."""
    if report.skipped and required >= ALL and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but OUROLOOP_REQUIRE={','.join(sorted(required))} lets nothing be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Refuse skips in CI."""
    return unskipped((yield), REQUIRED)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse in CI to skip a whole module."""
    return unskipped((yield), REQUIRED)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Keep torch on one thread in this process, so that weights repeat and tests share the cores."""
    if "torch" in sys.modules:  # tests that need no torch do not pay for its import
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests agree to (`runs.trust`) away from the user's own state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _no_safe_path() -> Iterator[None]:
    """Take back what a command that runs in this process sets for its children, which then import nothing of ours."""
    yield
    os.environ.pop("PYTHONSAFEPATH", None)


@pytest.fixture(scope="session")
def task() -> SnakeTask:
    """Return Snake on a 6x6 board; tests must not change it."""
    from ouroloop.envs.snake.task import SnakeTask

    return SnakeTask(6)


@pytest.fixture(scope="session")
def seeds() -> np.ndarray:
    """Return the seeds of 24 games: (24,) uint64."""
    return np.arange(1000, 1024, dtype=np.uint64)


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
    from ouroloop.protocols.errors import SurroundingsError
    from ouroloop.vllm_environment import vllm_python

    try:
        return vllm_python()
    except SurroundingsError as error:
        if "vllm" in REQUIRED:
            pytest.fail(f"{error}; OUROLOOP_REQUIRE names vllm")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium or Chrome; skip where there is none, fail where one is required."""
    from ouroloop.inspect.page.reports import BROWSERS

    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        if "browser" in REQUIRED:
            pytest.fail("no Chromium or Chrome is here, but OUROLOOP_REQUIRE names browser")
        pytest.skip("no Chromium or Chrome is here")
    return found


@pytest.fixture(scope="session")
def local_model() -> str:
    """Return the name of the smallest local model; skip where it cannot be served, fail where one is required."""
    from ouroloop.agents.local.serving import require
    from ouroloop.protocols.errors import SurroundingsError

    name = "smollm2-135m"
    try:
        require(f"local:{name}")
    except SurroundingsError as error:
        if "model" in REQUIRED:
            pytest.fail(f"{error}; OUROLOOP_REQUIRE names model")
        pytest.skip(str(error))
    return name


@pytest.fixture(autouse=True)
def _needs_browser(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("browser"):
        request.getfixturevalue("chromium")


@pytest.fixture(autouse=True)
def _needs_vllm(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("vllm"):
        request.getfixturevalue("vllm_environment")
