"""The pictures of the page in docs/pictures: `make pictures` takes them anew from the recorded run that ships.

A picture is taken in light and in dark. 96 colours are enough for a page, and keep a picture small.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from PIL import Image

from tests.inspect.page.browser.conftest import launched, page_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[4] / "docs" / "pictures"
RUN = "runs/a-recorded-run"
VIEWS: Final = {
    "run": (RUN, "#scores"),
    "candidate": (f"{RUN}/candidates/r2-patch2", "#evidence"),
    "games": (f"{RUN}/candidates/r2-patch2/pairs/1", ".games"),
    "lineage": (f"{RUN}/lineage", "main table"),
}
"""Picture -> the address of its view, and the last part of the view that it shows."""
WIDTH, COLOURS, MOST_BYTES = 1160, 96, 120_000
PLAYED_MS = 500_000
"""How long two games may take whose controllers need a sandbox first, on a busy machine."""


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The address of the recorded run."""
    with page_server("demo") as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser of its own, since no run of the tests is shown."""
    with launched(chromium) as found:
        yield found


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_of_the_page_are_taken(browser: Browser, demo: str, shots: Path, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": WIDTH, "height": 900})  # type: ignore[arg-type]
    context.set_default_timeout(PLAYED_MS)
    page = context.new_page()
    page.goto(demo)
    for name, (path, last) in VIEWS.items():
        show(page, demo + path)
        bottom = page.locator(last).first.evaluate(
            "one => (one.closest('figure') ?? one).getBoundingClientRect().bottom + window.scrollY"
        )
        file = shots / f"page-{name}-{scheme}.png"
        shown = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": bottom + 8})
        small(shown).save(file, optimize=True)
        assert 5_000 < file.stat().st_size < MOST_BYTES, name
    context.close()


def show(page: Page, address: str) -> None:
    """Open a view. Games are played, unless they were before, and shown three moves after they part."""
    page.goto(address)
    if "/pairs/" in address:
        for button in page.locator("text=Play both games").all():
            button.click()
        page.wait_for_selector(".game canvas")
        page.click("text=first different move")
        page.locator(".games").focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.locator(".games").blur()  # its frame would be in the picture
        page.wait_for_timeout(200)


def small(png: bytes) -> Image.Image:
    """Return a screenshot in few colours, none of them dithered."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    return picture.quantize(COLOURS, dither=Image.Dither.NONE)


def test_the_pictures_that_are_kept_are_small_and_complete() -> None:
    kept = {path.name: path.stat().st_size for path in PICTURES.glob("page-*.png")}
    assert sorted(kept) == sorted(f"page-{name}-{scheme}.png" for name in VIEWS for scheme in ("light", "dark"))
    assert max(kept.values()) < MOST_BYTES
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 1_000_000
