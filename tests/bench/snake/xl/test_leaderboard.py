"""The leaderboard: its order, its files, and texts of players that would be markup."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ouroloop.bench.snake.xl.definition import BOARDS
from ouroloop.bench.snake.xl.leaderboard import gather, write_all
from ouroloop.bench.snake.xl.results import Played, Refused, Result
from ouroloop.cli.main import call
from ouroloop.protocols.errors import UsageError

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]></title><svg onload=alert(1)>",
    "| a | b |\n# c",
    "[x](javascript:alert(1)) `` ` ``",
    "{{ 7*7 }}{% raw %}",
    "\u202egnp.exe\u200b\x1b[31m\x00",
    "&lt;b&gt;",
    "@everyone https://a.example",
    "https://a.example/" + "w" * 60,
]
COMMITTED = Path(__file__).parents[4] / "benchmarks" / "snake-xl"


def complete(document: dict[str, Any], name: str) -> str:
    """Return a result whose remaining boards cannot be played."""
    from ouroloop.bench.snake.xl.figures import overall

    document.pop("hash", None)
    result = Result.model_validate(document)
    have = {played.board: played for played in result.boards}
    lacking = [Played(size=board.size, walls=board.walls, cannot_play=name[:300]) for board in BOARDS if board not in have]
    short = {"score": (), "steps": (), "utility": (), "cause": (), "moves": "", "figures": None, "seconds": 0.0, "tokens": None}
    gone = [played.model_copy(update={**short, "cannot_play": name[:300]}) for played in have.values()]
    boards = {played.board: played for played in (*gone, *lacking)}
    ordered = tuple(boards[board] for board in BOARDS)
    who = result.player.model_copy(update={"name": name[:80], "parts": {name[:40]: name[:300]}, "token": name[:120]})
    return result.model_copy(update={"boards": ordered, "player": who, "overall": overall(ordered)}).text()


@pytest.fixture
def hostile(tmp_path: Path, astar: str) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    for number, name in enumerate(HOSTILE):
        (folder / f"{number}.json").write_text(complete(json.loads(astar), name))
    (folder / "astar.json").write_text(astar)
    return folder


def test_names_of_strangers_are_text(tmp_path: Path, hostile: Path) -> None:
    entries = gather(hostile, lambda *_: None)
    files = {path.name: path.read_text() for path in write_all(entries, tmp_path / "out")}
    assert set(files) == {"index.html", "leaderboard.json", "leaderboard.md", "badge.svg"}
    page = files["index.html"]
    tags = set(re.findall(r"<([a-zA-Z]+)", page))
    assert tags <= {
        "html", "head", "meta", "title", "style", "body", "header", "span", "main", "article", "h", "p", "strong", "figure",
        "figcaption", "svg", "line", "text", "rect", "g", "div", "table", "thead", "tbody", "tr", "th", "td", "details",
        "summary", "code",
    }  # fmt: skip
    assert "<script" not in page
    assert "onerror=alert(1)>" not in page.replace("&gt;", "")
    assert "49" not in re.findall(r"<h2>(.*?)</h2>", page)
    assert not re.search(r"\b(src|href|on\w+)=\"", page)
    for text in files.values():
        assert not set(text) & {"\u202e", "\u200b", "\x1b", "\x00"}
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_the_badge_is_a_picture_whoever_leads(tmp_path: Path, hostile: Path) -> None:
    for path in sorted(hostile.glob("[0-9]*.json")):
        alone = tmp_path / path.stem
        alone.mkdir()
        (alone / path.name).write_bytes(path.read_bytes())
        write_all(gather(alone, lambda *_: None), alone / "out")
        root = ElementTree.fromstring((alone / "out" / "badge.svg").read_text())
        assert {element.tag.rpartition("}")[2] for element in root.iter()} == {"svg", "title", "rect", "text"}
        assert float(root.attrib["width"]) < 400
        assert root[0].text is not None
        assert root[0].text.startswith("Snake-XL: ")


def test_markdown_stays_a_table(tmp_path: Path, hostile: Path) -> None:
    write_all(gather(hostile, lambda *_: None), tmp_path / "out")
    lines = (tmp_path / "out" / "leaderboard.md").read_text().splitlines()
    rows = [re.sub(r"\\\|", "", line) for line in lines if line.startswith("|")]
    assert {row.count("|") for row in rows} == {11, len(BOARDS) + 2}
    assert sum(line.startswith("#") for line in lines) == 1
    assert max(len(line) for line in lines if not line.startswith("|")) <= 120


def test_what_is_not_complete_has_no_rank(tmp_path: Path, hostile: Path) -> None:
    write_all(gather(hostile, lambda *_: None), tmp_path / "out")
    entries = json.loads((tmp_path / "out" / "leaderboard.json").read_text())["entries"]
    assert [entry["rank"] for entry in entries] == [*range(1, len(HOSTILE) + 1), None]
    assert entries[-1]["player"]["name"] == "astar"
    assert "not complete" in (tmp_path / "out" / "index.html").read_text()


def test_one_wrong_file_is_the_end(
    tmp_path: Path, hostile: Path, rehashed: Callable[[dict[str, Any]], str], capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((hostile / "astar.json").read_text())
    document["boards"][0]["score"][0] += 1
    (hostile / "astar.json").write_text(rehashed(document))
    with pytest.raises(Refused, match=r"astar\.json: boards\[0\] \(6x6\): game 0: score"):
        gather(hostile, lambda *_: None)
    assert call(["bench", "snake-xl", "--leaderboard", str(hostile), "--out", str(tmp_path / "out")]) == 1
    assert "game 0: score" in capsys.readouterr().err
    assert not (tmp_path / "out" / "index.html").exists()
    with pytest.raises(UsageError, match="no result files"):
        gather(tmp_path / "nowhere", lambda *_: None)


def test_the_committed_results_are_right_and_give_the_committed_table(tmp_path: Path) -> None:
    """What CI makes of them: the page, the table, the document and the badge."""
    files = sorted((COMMITTED / "results").glob("*.json"))
    assert len(files) >= 2
    assert sum(file.stat().st_size for file in files) < 300_000
    entries = gather(COMMITTED / "results", lambda *_: None)
    assert [entry.rank for entry in entries] == list(range(1, len(files) + 1))
    for path in write_all(entries, tmp_path / "board"):
        if path.suffix in (".md", ".svg"):
            assert path.read_text() == (COMMITTED / path.name).read_text(), "run `make leaderboard`"
