"""Every page of a run: it is there, its links lead somewhere, and what it shows is what is recorded."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from ouroloop.inspect.candidate.games import told_pairs
from ouroloop.inspect.document import candidates
from ouroloop.inspect.page.app import Pages
from ouroloop.inspect.page.games.films import Films
from ouroloop.inspect.page.shelf import shelf
from ouroloop.inspect.page.views.code import beside, coloured, diff_of
from ouroloop.inspect.run import Report
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.inspect.page.games.film import Asked

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"\u202e\x1b[2J'
VOID = {"meta", "link", "input", "br", "img", "col", "hr"}


class Links(HTMLParser):
    """The links of a page, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not [key for key in given if key.startswith("on") or key == "style"]
        if name == "a":
            self.links.append(given["href"] or "")
        if "id" in given:
            self.ids.append(given["id"] or "")
        self.scripts += name == "script" and "src" not in given and given.get("type") != "application/json"
        if name not in VOID:
            self._open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(name, attrs)
        if name not in VOID:
            self._open.pop()

    def handle_endtag(self, name: str) -> None:
        if name not in VOID:
            assert self._open.pop() == name


def client(*places: Path, films: Films | None = None) -> TestClient:
    return TestClient(Pages(shelf(places), films).app(), base_url="http://127.0.0.1", follow_redirects=False)


def crawled(here: TestClient) -> dict[str, str]:
    """Return all pages that can be reached from the first one."""
    found, seen, ahead = dict[str, str](), set[str](), ["/"]
    while ahead:
        path = ahead.pop().partition("#")[0]
        if path in seen or not path:
            continue
        seen.add(path)
        answer = here.get(path)
        assert answer.status_code == 200, path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        found[path] = answer.text
        page = Links(answer.text)
        assert page.scripts == 0
        assert len(page.ids) == len(set(page.ids)), path
        ahead += page.links
    return found


def test_every_link_leads_to_a_page(finished: Path) -> None:
    found = crawled(client(finished.parent))
    name = finished.name
    for part in ("", "/lineage", "/changes", "/models", "/rounds/1", "/rounds/2"):
        assert f"/runs/{name}{part}" in found
    assert len([path for path in found if "/candidates/" in path]) > 10
    assert any("/pairs/" in path for path in found)


def test_a_candidates_page_tells_what_is_recorded(finished: Path) -> None:
    here = client(finished)
    with closing(Report(finished)) as report:
        raced = [one for one in candidates(report.document()) if one["effect"] and one["alpha"]]
        assert raced
        for one in raced:
            text = here.get(f"/runs/{finished.name}/candidates/{one['id']}").text
            effect = one["effect"]
            assert f"{effect['utility']:+.3f}" in text
            assert f"[{effect['low']:+z.3f}, {effect['high']:+z.3f}]" in text
            assert one["reason"].split(":")[0] in text
            assert text.count('class="mark ') == effect["games"]


def test_the_evidence_that_is_drawn_ends_at_the_recorded_e_value(finished: Path) -> None:
    """The path is computed anew from the recorded utilities, so this holds the record against itself."""
    with closing(Report(finished)) as report:
        raced = [one for one in candidates(report.document()) if one["effect"] and one["alpha"]]
        for one in raced:
            told = told_pairs(report, int(one["id"][1]), one)
            assert told[-1].e_value == pytest.approx(one["e_value"], rel=1e-5)
            assert np.mean([pair.gain for pair in told]) == pytest.approx(one["effect"]["utility"], abs=1e-9)


def test_what_is_missing_is_said_and_not_guessed(finished: Path) -> None:
    here = client(finished)
    name = finished.name
    for path, said in (
        ("/runs/nobody", "no run is called nobody"),
        (f"/runs/{name}/rounds/99", "no round 99: it has rounds 1 to 2"),
        (f"/runs/{name}/candidates/r9-x", "no candidate &#39;r9-x&#39;"),
        (f"/runs/{name}/candidates/r1-patch1/pairs/9999", "no candidate"),
        ("/ablations/none", "no ablation"),
        ("/nowhere", "no page at /nowhere"),
        ("/static/../app.py", "no"),
        ("/runs/..%2f..%2fetc", "no page at"),
    ):
        answer = here.get(path)
        assert answer.status_code == 404, path
        assert said in answer.text, path


def played(asked: Asked) -> list[str]:
    frame = {"score": 0, "steps": 0, "cells": [0, 0], "end": "won"}
    games = [{"name": name, "utility": 0.5, "frames": [frame]} for name, _ in asked.games[0].players]
    return [json.dumps({"actions": ["a"], "tile": 8, "rows": 1, "columns": 1, "sprites": 1, "sheet": "", "games": games})]


def first_pair(folder: Path) -> str:
    with closing(Report(folder)) as report:
        raced = [one for one in candidates(report.document()) if one["effect"] and one["alpha"]]
    return f"/runs/{folder.name}/candidates/{raced[0]['id']}/pairs/1"


def test_games_are_played_when_they_are_asked_for_and_only_once(finished: Path) -> None:
    asked: list[Asked] = []

    def play(one: Asked) -> list[str]:
        asked.append(one)
        return played(one)

    here, path = client(finished, films=Films(play)), first_pair(finished)
    assert 'data-film="' not in here.get(path).text
    assert asked == []
    for _ in range(2):
        answer = here.post(path)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert len(asked) == 1
    text = here.get(path).text
    assert 'data-film="film-1"' in text
    assert "the record says" in text  # these games are not those of the run, and the page says so


def test_a_replay_that_fails_says_why(finished: Path) -> None:
    def fail(_: Asked) -> list[str]:
        raise SurroundingsError("no sandbox is here: install Docker")

    answer = client(finished, films=Films(fail)).post(first_pair(finished))
    assert answer.status_code == 200
    assert "no sandbox is here: install Docker" in answer.text


@pytest.fixture
def hostile(finished: Path, tmp_path: Path) -> Path:
    """A run in which everything that a model or a stranger can write is hostile."""
    copy = tmp_path / "hostile"
    shutil.copytree(finished, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        for seq, result in db.execute("SELECT seq, result FROM steps WHERE result IS NOT NULL").fetchall():
            changed = _poisoned(json.loads(result))
            db.execute("UPDATE steps SET result = ? WHERE seq = ?", (json.dumps(changed), seq))
        db.commit()
    return copy


def _poisoned(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _poisoned(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_poisoned(part, key) for part in value]
    return (
        HOSTILE
        if key in ("reason", "rationale", "evidence", "why", "note", "role", "text") and isinstance(value, str)
        else value
    )


def test_hostile_texts_are_shown_as_texts(hostile: Path) -> None:
    for path, text in crawled(client(hostile)).items():
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert "\x1b" not in text, path
        assert "\u202e" not in text, path


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "ledger.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 5000),
        lambda folder: (folder / "ledger.sqlite").unlink(),
        lambda folder: (folder / "recipe.toml").write_text("= nothing"),
        lambda folder: (folder / "recipe.toml").unlink(),
    ],
)
def test_a_run_that_cannot_be_read_is_listed_with_the_reason(finished: Path, tmp_path: Path, damage: Any) -> None:
    shutil.copytree(finished, tmp_path / "good")
    shutil.copytree(finished, tmp_path / "bad")
    damage(tmp_path / "bad")
    here = client(tmp_path)
    text = here.get("/").text
    assert "unreadable" in text
    assert 'class="status done"' in text
    assert here.get("/runs/bad").status_code in (404, 500)
    assert here.get("/runs/good").status_code == 200


def test_a_run_that_is_damaged_further_in_is_shown_as_far_as_it_goes(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "half"
    shutil.copytree(finished, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        db.execute("UPDATE steps SET result = '[]' WHERE key GLOB '2/verdict/*'")
        db.commit()
    text = client(copy).get("/runs/half").text
    assert "Shown as far as it could be read" in text
    assert "step 2/verdict/" in text
    assert "/runs/half/candidates/r1-" in text


def test_runs_of_one_name_are_told_apart(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "a" / finished.name)
    here = client(finished, tmp_path / "a")
    assert here.get(f"/runs/{finished.name}~2").status_code == 200
    assert re.search(rf"2 runs in .*{re.escape(finished.name)}", here.get("/").text)


def test_several_runs_are_compared_by_what_differs(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other"
    shutil.copytree(finished, copy)
    recipe = (copy / "recipe.toml").read_text()
    (copy / "recipe.toml").write_text(recipe.replace("games = 48", "games = 47"))
    text = client(finished, copy).get(f"/compare?run={finished.name}&run=other").text
    assert "<code>gate.games</code>" in text
    assert "<code>gate.alpha</code>" not in text
    assert client(finished).get("/compare?run=nobody").status_code == 404


def test_what_changes_a_run_needs_more_than_a_link(finished: Path) -> None:
    with closing(Report(finished)) as report:
        standing = [
            one["id"] for entry in report.document()["rounds"] for one in entry["candidates"] if one["verdict"] == "accepted"
        ]
    here, path = client(finished), f"/runs/{finished.name}/candidates/{standing[0]}/rollback"
    before = (finished / "ledger.sqlite").read_bytes()
    assert '<form method="post"' in here.get(path).text
    assert (finished / "ledger.sqlite").read_bytes() == before
    assert client(finished).get(f"/runs/{finished.name}/candidates/r1-reward1/rollback").status_code == 404


def test_tags_and_notes_are_kept_and_shown_as_text(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "noted"
    shutil.copytree(finished, copy)
    here = client(copy)
    answer = here.post("/runs/noted/notes", data={"tags": "paper, <b>x</b>", "text": HOSTILE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/noted")
    for path in ("/runs/noted", "/"):
        text = here.get(path).text
        assert ">paper</span>" in text
        assert "&lt;b&gt;x&lt;/b&gt;" in text
        assert "<script>alert" not in text
    assert here.post("/runs/noted/notes", data={"tags": "x" * 60}).status_code == 409


def test_tables_are_downloaded_with_a_row_for_each_thing(finished: Path) -> None:
    here = client(finished)
    with closing(Report(finished)) as report:
        proposed = candidates(report.document())
    rows = list(csv.DictReader(io.StringIO(here.get(f"/runs/{finished.name}/tables/candidates.csv").text)))
    assert [row["id"] for row in rows] == [one["id"] for one in proposed]
    assert [row["effect"] for row in rows] == [
        "" if one["effect"] is None else str(one["effect"]["utility"]) for one in proposed
    ]
    assert len(list(csv.DictReader(io.StringIO(here.get(f"/runs/{finished.name}/tables/rounds.csv").text)))) == 2
    assert here.get(f"/runs/{finished.name}/tables/changes.csv").text.splitlines()[1].startswith(",start,")
    assert here.get(f"/runs/{finished.name}/tables/secrets.csv").status_code == 404


def test_no_cell_of_a_table_is_a_formula(hostile: Path) -> None:
    with closing(sqlite3.connect(hostile / "ledger.sqlite")) as db:
        db.execute("UPDATE steps SET result = replace(result, '</script>', '=cmd|') WHERE key GLOB '*/verdict/*'")
        db.commit()
    rows = csv.reader(io.StringIO(client(hostile).get("/runs/hostile/tables/candidates.csv").text))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@"))]


def test_a_run_of_an_ablation_takes_no_name_from_a_run_beside_it(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "mine")
    shutil.copytree(finished, tmp_path / "aaa" / "mine")
    (tmp_path / "aaa" / "ablation.json").write_text("{}")
    found = shelf([tmp_path]).folders()
    assert found == {"mine": tmp_path / "mine", "aaa~in~mine": tmp_path / "aaa" / "mine"}


def test_a_folder_whose_name_is_no_text_spoils_nothing(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "good")
    odd = tmp_path / os.fsdecode(b"\xffodd")
    odd.mkdir()
    (odd / "recipe.toml").write_text("")
    text = client(tmp_path).get("/").text
    assert "/runs/good" in text
    assert "unreadable" in text


@pytest.mark.parametrize(
    "document",
    [
        "{}",
        "[]",
        "not json",
        json.dumps({"comparison": [], "measure": "x", "effects": [], "values": ["a"], "vary": "x"}),
        json.dumps({"comparison": [], "measure": "x", "effects": [], "values": ["a"], "vary": "x", "seeds": 1, "runs": ["a"]}),
    ],
)
def test_an_ablation_from_elsewhere_is_refused_in_words(tmp_path: Path, document: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ablation.json").write_text(document)
    answer = client(tmp_path).get("/ablations/a")
    assert answer.status_code in (404, 500)
    assert 'role="alert"' in answer.text


def test_code_that_repeats_itself_takes_no_time_to_compare() -> None:
    old, new = "x=1\n" * 4000, ("x=1\n" * 7 + "y=2\n") * 500
    begun = time.perf_counter()
    assert beside(old, new)
    assert diff_of(old, new)
    assert time.perf_counter() - begun < 20  # matching them would take an hour


@pytest.mark.parametrize(
    ("old", "new"),
    [("a\nb\nc\n", "a\nx\nc\n"), ("", "a\n"), ("a\n", ""), ("a\n", "a\n"), ("a\nb\n", "b\na\n")],
)
def test_two_versions_beside_each_other_hold_every_line(old: str, new: str) -> None:
    rows, shown = beside(old, new), diff_of(old, new)
    if old == new:
        assert rows == []
        assert shown == []
        return
    assert [row.left[1] for row in rows if row.left] == coloured(old)
    assert [row.right[1] for row in rows if row.right] == coloured(new)
    assert [line[1:] for kind, line in shown if kind in ("same", "less")] == old.splitlines()
    assert [line[1:] for kind, line in shown if kind in ("same", "more")] == new.splitlines()


def test_the_page_of_a_run_that_is_read_by_others_waits_and_says_so(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ouroloop.inspect.page.reading.PATIENCE_S", 0.05)
    pages = Pages(shelf([finished]))
    with pages.opened(finished.name):
        answer = TestClient(pages.app(), base_url="http://127.0.0.1").get(f"/runs/{finished.name}")
    assert "is busy with another request" in answer.text
