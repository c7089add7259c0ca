"""The docs as a site: it builds without a broken link, holds every page, and asks no other host for anything."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.docs.pages import DOCS

ROOT = DOCS.parent
LOADS = {"script": "src", "img": "src", "source": "srcset", "iframe": "src", "video": "src", "audio": "src", "link": "href"}
"""Tag -> the attribute by which it has the browser fetch something."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    source = folder / "build" / "site-source"
    source.mkdir(parents=True)
    for part in parts():
        found = ROOT / part
        shutil.copytree(found, source / part) if found.is_dir() else shutil.copy(found, source / part)
    shutil.copy(ROOT / "mkdocs.yml", folder)
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def parts() -> list[str]:
    """Return what the Makefile copies."""
    found = re.search(r"^SITE_PARTS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1].split()


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build a site as the Makefile does."""
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\n\t$(BIN)/zensical build --strict --clean\n" in make
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=folder, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, timeout=240)


class Asked(HTMLParser):
    """Collects what a page has a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = LOADS.get(tag)
        self.urls += [value for name, value in attrs if name == wanted and value]


def outside(urls: list[str]) -> list[str]:
    return [url for url in urls if re.match(r"(https?:)?//", url)]


def test_every_page_of_the_docs_is_in_the_navigation_and_on_the_site(site: Path) -> None:
    pages = [page.relative_to(ROOT) for page in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md"]]
    shown = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [str(page) for page in pages if f" {page}\n" not in shown] == []
    written = [Path("index.html") if page.name == "README.md" else page.with_suffix(".html") for page in pages]
    assert [page for page in written if not (site / page).is_file()] == []


def test_no_page_has_another_host_asked_for_anything(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        asked = Asked()
        asked.feed(page.read_text(encoding="utf-8"))
        assert len(asked.urls) > 3
        assert outside(asked.urls) == [], page
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert outside(re.findall(r"""(?:url\(|@import )\s*["']?([^"')]+)""", text)) == [], sheet


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    source = tmp_path / "build" / "site-source"
    source.mkdir(parents=True)
    (tmp_path / "mkdocs.yml").write_text("site_name: x\ndocs_dir: build/site-source\nstrict: true\n")
    (source / "index.md").write_text("# One\n\n[itself](index.md#one)\n")
    assert build(tmp_path).returncode == 0
    (source / "index.md").write_text("# One\n\n[nowhere](nowhere.md)\n")
    assert build(tmp_path).returncode != 0
    (source / "index.md").write_text("# One\n\n[no anchor](index.md#two)\n")
    assert build(tmp_path).returncode != 0


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """A host of plain files."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_pages_fit_and_are_searched_without_another_host(chromium: str, address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for width, scheme in ((1440, "light"), (390, "dark")):
            context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
            context.set_default_timeout(120_000)
            page, asked, said = context.new_page(), list[str](), list[str]()
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            for path in ("index.html", "ARCHITECTURE.html", "docs/tutorial.html", "docs/api.html"):
                page.goto(f"{address}/{path}")
                fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                assert page.evaluate(fits), path
            page.wait_for_load_state("networkidle")  # the shortcut is the script's
            page.keyboard.press("Control+k")
            page.wait_for_selector("input:focus")  # until then, letters are shortcuts too, and `n` leads to the next page
            page.keyboard.type("sandboxes")
            page.wait_for_selector("a[href*='security.html']:visible")
            assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
            assert said == []
            context.close()
        browser.close()
