"""A real browser in front of the real server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_MS = 120_000
"""How long a page may take that plays games, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server of the page: its address without a path, the address to open, and the runs that it shows."""

    base: str
    address: str
    home: Path


@pytest.fixture(scope="module")
def served(finished: Path, waiting: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server with a copy of a finished run, which tests may change.

    `waiting` is made before, because a run needs an event loop of its own.
    """
    home = tmp_path_factory.mktemp("page") / "runs"
    shutil.copytree(finished, home / "micro-000")
    with page_server("ui", str(home)) as address:
        yield Served(address.rstrip("/"), address, home)


@contextmanager
def page_server(*command: str) -> Iterator[str]:
    """Start a command that serves the page; give its address, and end it."""
    arguments = [sys.executable, "-m", "ouroloop.cli", *command, "--no-open"]
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def browser(chromium: str, served: Served) -> Iterator[Browser]:
    """A browser, which begins after the run is made, and ends with the module."""
    with launched(chromium) as found:
        yield found


@contextmanager
def launched(chromium: str) -> Iterator[Browser]:
    """Give a browser, and end it: while Playwright is at work, nothing else in this thread can run an event loop."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield found
        found.close()


@dataclass
class Heard:
    """What a browser complains about."""

    said: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        self.said.append(f"{message.type}: {message.text}")

    def error(self, error: Exception) -> None:
        self.said.append(f"error: {error}")

    def response(self, response: Response) -> None:
        if response.status >= 400:
            self.said.append(f"{response.status} {response.url}")


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: in the folder that OUROLOOP_SCREENSHOTS names, which is not removed."""
    named = os.environ.get("OUROLOOP_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def page(browser: Browser, served: Served, heard: Heard) -> Iterator[Page]:
    """A page that has entered; whatever it complains about fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(WAIT_MS)
    found = context.new_page()
    found.on("console", heard.console)
    found.on("pageerror", heard.error)
    found.on("response", heard.response)
    found.goto(served.address)
    yield found
    context.close()
    assert heard.said == []
