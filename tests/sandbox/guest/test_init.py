"""Process 1 of a container, tried outside of one: there it cannot end its children with itself, so the test does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ouroloop.sandbox.guest as guest
from ouroloop.sandbox.guest.init import ORPHANED

PROGRAM = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import init
def work():
    os.write(1, b"up\\n")
    {}
init.supervise(work, sys.argv[2])
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers run Linux")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "requests"
    os.mkfifo(path)
    return path


@contextlib.contextmanager
def supervised(body: str, pipe: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", PROGRAM.format(body), str(Path(guest.__file__).parent), pipe]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    ("body", "status"),
    [("pass", 0), ("os._exit(7)", 7), ("os.kill(os.getpid(), 27)", 128 + 27), ("os.kill(os.getpid(), 9)", 128 + 9)],
)
def test_it_ends_with_its_worker_and_tells_how(pipe: Path, body: str, status: int) -> None:
    host = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    with supervised(body, str(pipe)) as process:
        assert process.wait(60) == status
    os.close(host)


@pytest.mark.parametrize("piped", [True, False])
def test_it_ends_with_its_host_though_the_worker_is_endless(pipe: Path, piped: bool) -> None:
    host = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    with supervised("time.sleep(60)", str(pipe) if piped else "") as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        (process.stdin.close() if not piped else None, os.close(host))
        assert process.wait(30) == ORPHANED


def test_it_does_not_begin_where_the_host_is_gone(pipe: Path) -> None:
    with supervised("time.sleep(60)", str(pipe)) as process:
        assert process.wait(60) == ORPHANED


def test_what_waits_in_the_pipe_stays_for_the_worker(pipe: Path) -> None:
    host = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    reading = "channel = os.open(sys.argv[2], os.O_RDONLY); os.write(1, os.read(channel, 5))"
    with supervised(reading, str(pipe)) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        os.write(host, b"frame")
        assert process.stdout.read(5) == b"frame"
    os.close(host)
