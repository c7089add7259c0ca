"""The examples of the documentation, run from top to bottom as a reader would."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.slow
def test_the_python_page_says_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python") > 5
    monkeypatch.chdir(tmp_path)
    page = doctest.DocTestParser().get_doctest("".join(blocks), {}, "python.md", "python.md", 0)
    said: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=FLAGS).run(page, out=said.append)
    assert outcome.failed == 0, "".join(said)
    assert outcome.attempted == text.count("\n>>> ")


def test_the_python_page_names_the_whole_public_api() -> None:
    import ouroloop

    text = (DOCS / "python.md").read_text(encoding="utf-8")
    table = text[: text.index("## ")]
    assert [name for name in ouroloop.__all__ if not name.startswith("__") and not re.search(rf"`{name}\b", table)] == []


def test_lines_of_prose_are_short() -> None:
    root = DOCS.parent
    folders = ("docs", "examples", "benchmarks")
    pages = [root / "README.md", root / "ARCHITECTURE.md", *(page for name in folders for page in root.glob(f"{name}/**/*.md"))]
    long = [
        f"{page.name}:{number}"
        for page in pages
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120 and not line.startswith(("|", "    "))  # tables cannot be wrapped
    ]
    assert long == []
