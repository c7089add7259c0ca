"""The same pages without a server: every link leads to something that is there."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

import pandas as pd
import pytest

from ouroloop.inspect.document import candidates
from ouroloop.inspect.page.app import Pages
from ouroloop.inspect.page.export import one_file, site
from ouroloop.inspect.page.games.films import Films
from ouroloop.inspect.page.reports import BROWSERS, markdown, pdf, tables
from ouroloop.inspect.page.shelf import shelf
from ouroloop.inspect.report import open_run
from ouroloop.inspect.run import Report
from ouroloop.protocols.errors import SurroundingsError
from tests.inspect.page.test_pages import Links

if TYPE_CHECKING:
    from ouroloop.inspect.page.games.film import Asked


def quiet(what: str, share: float) -> None: ...


def played(asked: Asked) -> list[str]:
    frame = {"score": 0, "steps": 0, "cells": [0, 0]}
    whole = {"actions": ["a"], "tile": 8, "rows": 1, "columns": 1, "sprites": 1, "sheet": ""}
    return [
        json.dumps(whole | {"games": [{"name": name, "utility": 0.0, "frames": [frame]} for name, _ in game.players]})
        for game in asked.games
    ]


def pages(*places: Path) -> Pages:
    return Pages(shelf(places), Films(played))


def test_every_link_of_a_site_leads_to_a_file(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    written = site(pages(finished), out, quiet, games=True)
    files = list(out.rglob("*.html"))
    assert written.pages == len(files) - 1  # the start leads to the run
    assert written.games >= 1
    for file in files:
        text = file.read_text()
        page = Links(text)
        for link in page.links:
            if link.startswith("#"):
                assert link[1:] in page.ids
                continue
            target = (file.parent / unquote(link.partition("#")[0])).resolve()
            assert target.is_file(), (file, link)
            assert target.is_relative_to(out)
        for name in re.findall(r'(?:src|href)="([^"]*static/[^"]*)"', text):
            assert (file.parent / name).is_file()
        assert 'method="post"' not in text
        assert "data-watch" not in text
    assert sum('data-film="' in file.read_text() for file in files) == written.games


def test_a_site_is_never_written_over(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine.txt").write_text("mine")
    with pytest.raises(SurroundingsError, match="does not exist yet"):
        site(pages(finished), tmp_path / "site", quiet, games=False)
    assert (tmp_path / "site" / "mine.txt").read_text() == "mine"


def test_one_file_holds_everything_and_allows_nothing_else(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    written = one_file(pages(finished), out, quiet, games=True)
    text = out.read_text()
    assert written.bytes == out.stat().st_size
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for link in re.findall(r'<a [^>]*href="([^"]+)"', text):
        assert link.startswith("#"), link
        assert link[1:] in ids, link
    assert re.findall(r'(?:src|href)="(?!#|data:)', text) == []
    (allowed,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    for block in re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", text, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"sha256-{digest}" in allowed.replace("&#39;", "'")
    assert "default-src &#39;none&#39;" in allowed


def test_a_run_that_cannot_be_played_is_exported_without_games(finished: Path, tmp_path: Path) -> None:
    def fail(_: Asked) -> list[str]:
        raise SurroundingsError("no sandbox")

    written = one_file(Pages(shelf([finished]), Films(fail)), tmp_path / "r.html", quiet, games=True)
    assert written.games == 0
    assert written.left_out == (f"no games of {finished.name}: no sandbox",)


def test_markdown_has_a_row_for_each_candidate(finished: Path, tmp_path: Path) -> None:
    markdown(pages(finished), tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text()
    rows = [line for line in text.splitlines() if re.match(r"\| \d* ?\| `r\d+-", line)]
    assert len(rows) >= 10
    assert len({line.count("|") - line.count("\\|") for line in rows}) == 1


@pytest.mark.browser
def test_a_pdf_is_printed(finished: Path, tmp_path: Path) -> None:
    pdf(pages(finished), tmp_path / "r.pdf", quiet)
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")


def test_without_a_browser_a_pdf_names_the_remedy(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name in BROWSERS else name)
    with pytest.raises(SurroundingsError, match="install one, or use --html"):
        pdf(pages(finished), tmp_path / "r.pdf", quiet)


@pytest.mark.parametrize("form", ["csv", "arrow"])
def test_tables_hold_what_the_frames_hold(finished: Path, tmp_path: Path, form: Literal["csv", "arrow"]) -> None:
    tables(pages(finished), tmp_path / "tables", form)
    read = pd.read_csv if form == "csv" else pd.read_feather
    found = read(tmp_path / "tables" / f"{finished.name}-candidates.{form}")
    assert list(found["id"]) == list(open_run(finished).candidates["id"])
    assert (tmp_path / "tables" / f"{finished.name}-history.{form}").is_file()


def test_what_cannot_be_shown_is_said_in_its_place_and_the_rest_is_there(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    with closing(Report(copy)) as report:
        proposed = [one for one in candidates(report.document()) if one["kind"] == "reward" and one["reward"]]
        for file in (copy / "artifacts").iterdir():
            if file.is_file() and '"terms"' in file.read_text():
                file.write_text("{}")
    assert proposed
    written = one_file(pages(copy), tmp_path / "r.html", quiet, games=False)
    assert written.pages > 5
    assert any("was changed" in line for line in written.left_out)
    assert "was changed: restore it from a copy" in (tmp_path / "r.html").read_text()


def test_a_film_in_one_file_stays_json_whatever_its_players_are_called(finished: Path, tmp_path: Path) -> None:
    def odd(asked: Asked) -> list[str]:
        return [text.replace("the incumbent", 'c id=\\"x\\" url(#a)') for text in played(asked)]

    one_file(Pages(shelf([finished]), Films(odd)), tmp_path / "r.html", quiet, games=True)
    found = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', (tmp_path / "r.html").read_text(), re.DOTALL)
    assert found
    for text in found:
        assert json.loads(text)["games"][1]["name"] == 'c id="x" url(#a)'


def test_formulas_are_no_formulas_in_tables(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        change = """UPDATE steps SET result = replace(result, '"rationale":"', '"rationale":"=cmd|') WHERE key GLOB ?"""
        db.execute(change, ("*/propose/all",))
        db.commit()
    tables(pages(copy), tmp_path / "tables", "csv")
    text = (tmp_path / "tables" / "run-candidates.csv").read_text()
    assert "'=cmd|" in text
    assert not re.search(r'(^|,)"?=cmd', text, re.MULTILINE)


def test_a_report_from_within_a_run_directory_imports_nothing_that_lies_there(finished: Path, tmp_path: Path) -> None:
    """The games are really played again, in a child process; a stranger could have put modules beside the ledger."""
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    for name in ("multiprocessing", "click", "numpy", "json", "ouroloop"):
        (copy / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    script = Path(sys.executable).with_name("ouroloop")
    command = [script, "report", ".", "--html", str(tmp_path / "r.html"), "--json"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    (written,) = json.loads(done.stdout)
    assert written["left_out"] == []
    assert written["games"] >= 1
    assert not (tmp_path / "canary").exists()
    text = (tmp_path / "r.html").read_text()
    assert text.count('data-film="') == written["games"]
    assert "the record says" not in text  # the games end as recorded
