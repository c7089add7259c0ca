"""Does what a page asks its reader to do, from top to bottom, in a folder: files are written, commands run and compared."""

from __future__ import annotations

import doctest
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from tests.docs.pages import Block, blocks, steps

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
LONGEST_S = 900
"""The longest that a command may take, on a busy machine."""


def walk(page: Path, folder: Path) -> list[str]:
    """Take every step of a page; return the commands that were run."""
    ran: list[str] = []
    for block in blocks(page):
        if block.how == "file":
            (folder / block.about).write_text(block.text, encoding="utf-8")
        elif block.language == "console" and block.how != "by hand":
            for command, wanted in steps(block.text):
                said = first_page(command, folder, block) if block.how == "until stopped" else run(command, folder)
                compare(command, wanted, said)
                ran.append(command)
    return ran


def run(command: str, folder: Path) -> str:
    """Return what a command prints on stdout; its notes on stderr are for people."""
    done = subprocess.run(
        arguments(command), cwd=folder, env=surroundings(), capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def first_page(command: str, folder: Path, block: Block) -> str:
    """Start a server, ask for its first page, stop it as Ctrl-C does, and return what it has printed."""
    server = subprocess.Popen(
        arguments(command), cwd=folder, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    try:
        address = server.stdout.readline()
        browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar()))
        with browser.open(address.strip(), timeout=120) as page:
            assert block.about in page.read().decode(), command
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
    assert server.returncode in (0, 130), command
    return address


def arguments(command: str) -> list[str]:
    """Return a command of the package, or a script, as this interpreter runs it. Other commands are marked `by hand`."""
    name, *rest = shlex.split(command, comments=True)
    own = {"ouroloop": ["-m", "ouroloop.cli"], "python": []}
    assert name in own, f"$ {command}: tests run {', '.join(own)}"
    return [sys.executable, *own[name], *rest]


def surroundings() -> dict[str, str]:
    """Return the environment of a reader: a terminal of 100 columns, and no browser."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return {**kept, "COLUMNS": "100", "BROWSER": "true", "DISPLAY": "", "WAYLAND_DISPLAY": ""}


def compare(command: str, wanted: str, said: str) -> None:
    """Hold what was printed to what the page shows; `...` stands for anything, without an output nothing is asked."""
    check = doctest.OutputChecker()
    if wanted.strip() and not check.check_output(wanted, said, FLAGS):
        example = doctest.Example(command, wanted)
        raise AssertionError(f"$ {command}\n{check.output_difference(example, said, FLAGS)}")
