"""The recorded run that comes with the package."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from importlib.resources import files
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.testclient import TestClient

from ouroloop.inspect.demo.packing import MOST_BYTES, pack
from ouroloop.inspect.demo.unpacking import unpack
from ouroloop.inspect.page.app import Pages
from ouroloop.inspect.page.shelf import shelf
from ouroloop.inspect.run import Report
from ouroloop.protocols.errors import UsageError
from tests.inspect.page.test_pages import crawled

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("demo"))


def test_it_is_a_whole_run_in_which_a_model_had_something_accepted(recorded: Path) -> None:
    with closing(Report(recorded)) as report:
        document = report.document()
        accepted = [one for entry in document["rounds"] for one in entry["candidates"] if one["verdict"] == "accepted"]
        assert {one["kind"] for one in accepted} >= {"reward", "patch"}
        assert document["totals"]["tokens"] > 10_000
        for build in (document["start"], document["incumbent"]):
            assert build is not None
            assert report.store.directory(build["policy"]).is_dir()  # so that its games can be played again


def test_all_of_its_pages_are_there(recorded: Path) -> None:
    found = crawled(TestClient(Pages(shelf([recorded])).app(), base_url="http://127.0.0.1"))
    talks = [text for path, text in found.items() if "/candidates/" in path and "Conversation with the model" in text]
    assert len(talks) > 5


def test_it_is_small_and_names_no_place_of_the_machine_that_made_it(recorded: Path) -> None:
    assert len((files("ouroloop.inspect.demo") / "run.zip").read_bytes()) < MOST_BYTES
    ledger = (recorded / "ledger.sqlite").read_bytes()
    for word in (b"/tmp/", b"/home/", b"/root", b"/work", b"127.0.0.1"):
        assert word not in ledger


def test_what_is_packed_again_is_the_same(recorded: Path, tmp_path: Path) -> None:
    first, second = (pack(recorded, tmp_path / name) for name in ("a.zip", "b.zip"))
    assert first == second
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_run_that_is_too_large_is_not_packed(recorded: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(recorded, copy)
    (copy / "artifacts" / "noise").write_bytes(bytes(hash((place, 7)) % 251 for place in range(1_600_000)))
    with pytest.raises(UsageError, match="take a smaller run"):
        pack(copy, tmp_path / "large.zip")


def test_one_command_shows_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ouroloop.cli", "demo", "--no-open"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        with httpx.Client(follow_redirects=True, trust_env=False) as browser:
            assert "a-recorded-run" in browser.get(address).text
            assert browser.get(f"{address}runs/a-recorded-run").status_code == 200
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=30)
    assert server.returncode in (0, 130)
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
