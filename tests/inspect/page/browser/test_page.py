"""The page in a real browser: nothing it complains about, every chart is really drawn, games can be stepped, things undone."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from ouroloop.inspect.document import candidates
from ouroloop.inspect.run import Report
from ouroloop.ledger.lock import locked
from ouroloop.ledger.sqlite import Ledger
from tests.inspect.page.browser.conftest import WAIT_MS
from tests.runs.small_run import before_second_round, goes_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

    from ouroloop.inspect.document import Candidate
    from tests.inspect.page.browser.conftest import Served

pytestmark = pytest.mark.browser
RUN = "/runs/micro-000"
VIEWS = (
    "/",
    RUN,
    f"{RUN}/rounds/1",
    f"{RUN}/lineage",
    f"{RUN}/changes",
    f"{RUN}/models",
    f"{RUN}/games",
    "/compare?run=micro-000",
)


def accepted(served: Served) -> Candidate:
    with closing(Report(served.home / "micro-000")) as report:
        return next(one for one in candidates(report.document()) if one["acceptance"] is not None)


def views(served: Served) -> list[str]:
    one = accepted(served)["id"]
    played = f"{RUN}/games?build=start&against=now&number=5&play=1&saliency=rollout"
    return [*VIEWS, played, f"{RUN}/candidates/{one}", f"{RUN}/candidates/{one}/pairs/1"]


def pixels(part: Locator) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(part.screenshot())).convert("RGB")).astype(int)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_fits_is_accessible_and_is_silent(
    browser: Browser, served: Served, shots: Path, scheme: str, width: int
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(served.address)
    for path in views(served):
        page.goto(served.base + path)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
        found = Axe().run(page).response["violations"]
        name = path.strip("/").replace("/", "-").partition("?")[0] or "runs"
        page.screenshot(path=shots / f"{name}-{scheme}-{width}.png", full_page=True)
        serious = [(one["id"], one["nodes"][0]["html"][:160]) for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], path
    context.close()
    assert said == []


def test_what_people_ask_first_is_three_clicks_away(page: Page, served: Served) -> None:
    """From the list of runs: what was accepted last and why, its gain, the games lost before, its author, how to undo it."""
    page.click("text=micro-000")
    last = page.locator("dt", has_text="Accepted last").locator("xpath=..")
    id = last.locator("a").inner_text()
    last.locator("a").click()
    with closing(Report(served.home / "micro-000")) as report:
        found = report.candidate(id)
    facts = page.locator(".facts").inner_text()
    assert found["reason"] in facts  # why
    assert found["effect"] is not None
    assert f"{found['effect']['utility']:+.3f}" in facts  # what it gained
    assert f"[{found['effect']['low']:+z.3f}, {found['effect']['high']:+z.3f}]" in facts  # and how sure that is
    assert found["role"] in facts  # who wrote it
    assert page.locator("text=What the critic had found before it was proposed").is_visible()  # from which diagnosis
    page.click("#lost-games summary")
    assert page.locator("#lost-games pre.board").first.is_visible()  # which games the incumbent lost before
    page.click("text=Roll back")  # how to undo it
    assert f"ouroloop rollback {served.home / 'micro-000'} {id}" in page.locator("main").inner_text()


def test_which_model_gives_most_is_two_clicks_away(page: Page) -> None:
    page.click("text=micro-000")
    page.click(".tabs >> text=Proposers")
    assert "no tokens" in page.locator(".lead").inner_text()  # this run's proposers are searches


def test_pages_can_be_read_without_scripts(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.address)
    page.click("text=micro-000")
    page.click(f"a[href$='{RUN}/rounds/1']")
    one = accepted(served)["id"]
    page.goto(f"{served.base}{RUN}/candidates/{one}")
    assert page.locator("h1").inner_text().startswith(one)
    assert page.locator("#evidence circle.mark").count() > 0
    context.close()


@pytest.mark.parametrize(
    ("path", "chart"), [(RUN, "#scores"), (RUN, "#credit"), (f"{RUN}/lineage", "#lineage"), ("", "#evidence")]
)
def test_a_chart_has_ink_where_its_marks_are(page: Page, served: Served, path: str, chart: str) -> None:
    """A mark is there if the pixels at its middle have its colour, and those beside it have another."""
    page.goto(served.base + (path or f"{RUN}/candidates/{accepted(served)['id']}"))
    drawn = page.locator(chart)
    drawn.scroll_into_view_if_needed()
    frame, picture = drawn.bounding_box(), pixels(drawn)
    assert frame is not None
    marks = drawn.locator("circle")
    assert marks.count() >= 2
    for place in range(min(marks.count(), 12)):
        box = marks.nth(place).bounding_box()
        fill = marks.nth(place).evaluate("one => getComputedStyle(one).fill")
        assert box is not None
        wanted = [int(number) for number in re.findall(r"\d+", fill)[:3]]
        x, y = int(box["x"] - frame["x"] + box["width"] / 2), int(box["y"] - frame["y"] + box["height"] / 2)
        near = picture[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].reshape(-1, 3)
        assert np.abs(near - wanted).sum(axis=1).min() < 40, (chart, place, wanted)
    ground = picture[2, 2]
    assert (np.abs(picture - ground).sum(axis=2) > 60).mean() > 0.002  # lines, marks and texts cover some of it
    assert (np.abs(picture - ground).sum(axis=2) < 12).mean() > 0.5  # and leave most of it


def test_a_table_is_sorted_and_filtered(page: Page, served: Served) -> None:
    page.goto(f"{served.base}{RUN}/candidates/{accepted(served)['id']}")
    page.locator("#evidence-section details").evaluate("one => one.open = true")
    head = page.locator("#evidence-section th button", has_text="difference")
    cells = page.locator("#evidence-section tbody tr td:nth-child(5)")
    head.click()
    up = [float(text) for text in cells.all_inner_texts()]
    head.click()
    assert up == sorted(up)
    assert [float(text) for text in cells.all_inner_texts()] == sorted(up, reverse=True)
    page.goto(served.base)
    page.fill("input[type=search]", "nothing is called so")
    assert page.locator("#runs tbody tr:visible").count() == 0
    page.fill("input[type=search]", "MICRO")
    assert page.locator("#runs tbody tr:visible").count() == 1


def test_from_a_verdict_to_the_games_behind_it_in_one_click_and_step_by_step(page: Page, served: Served) -> None:
    one = accepted(served)
    page.goto(f"{served.base}{RUN}/candidates/{one['id']}")
    page.locator("#evidence a").nth(1).click()
    assert page.url.endswith("/pairs/2")
    page.click("text=Play both games")
    page.wait_for_selector(".game canvas")
    assert page.locator(".fault").count() == 0  # the games end as the run has recorded
    assert page.locator(".game").count() == 2
    before = pixels(page.locator(".game canvas").first)
    assert len(np.unique(before.reshape(-1, 3), axis=0)) > 3
    page.locator(".games").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.url.endswith("#step=3")
    assert page.locator(".game .said").first.inner_text().startswith("Move 3,")
    assert (pixels(page.locator(".game canvas").first) != before).any()
    page.keyboard.press("ArrowLeft")
    assert page.url.endswith("#step=2")
    page.keyboard.press("End")
    assert "It ended: " in page.locator(".game .said").first.inner_text()
    page.keyboard.press("Home")
    page.wait_for_timeout(100)
    assert (pixels(page.locator(".game canvas").first) == before).all()
    page.goto(f"{served.base}{RUN}/candidates/{one['id']}/pairs/2#step=3")
    page.reload()
    page.wait_for_selector(".game canvas")
    assert page.locator(".game .said").first.inner_text().startswith("Move 3,")
    page.click("button:has-text('play')")
    page.wait_for_url(re.compile(r"#step=([4-9]|\d\d)"))


def heat_at(page: Page, step: int) -> list[int]:
    """Return the level of each cell's heat at a step of the first game, as the film tells it."""
    film = json.loads(page.locator("script[type='application/json']").inner_text())
    levels = [0] * (film["rows"] * film["columns"])
    for frame in film["games"][0]["frames"][: step + 1]:
        for code in frame.get("heat", ()):
            levels[code // film["heats"]] = code % film["heats"]
    return levels


def test_what_decides_the_moves_is_drawn_where_the_heat_is_and_nowhere_else(page: Page, served: Served) -> None:
    """The canvas has the film's own pixels, so those of a cell tell whether it is covered."""
    one = accepted(served)
    page.goto(f"{served.base}{RUN}/candidates/{one['id']}/pairs/2?saliency=rollout#step=2")
    page.wait_for_selector(".game canvas")
    assert page.locator(".lit").count() == 2
    levels, canvas = heat_at(page, 2), page.locator(".game canvas").first
    assert 0 < sum(level > 0 for level in levels) < len(levels)
    read = """c => {
        const copy = new OffscreenCanvas(c.width, c.height).getContext("2d", {willReadFrequently: true});
        copy.drawImage(c, 0, 0);
        return Array.from(copy.getImageData(0, 0, c.width, c.height).data);
    }"""
    side = int(len(levels) ** 0.5)
    size = canvas.evaluate("c => c.width") // side

    def cells() -> np.ndarray:
        whole = np.array(canvas.evaluate(read)).reshape(side * size, side * size, 4)
        return whole.reshape(side, size, side, size, 4).swapaxes(1, 2).reshape(len(levels), -1)

    for _ in range(50):  # until the sheet of tiles is there
        if cells()[:, 3].all():
            break
        page.wait_for_timeout(100)
    lit = cells()
    page.click("button:has-text('what decides')")
    plain = cells()
    assert [bool(changed) for changed in (lit != plain).any(axis=1)] == [level > 0 for level in levels]
    page.locator(".games").focus()
    page.keyboard.press("s")
    assert (cells() == lit).all()
    assert page.locator("button:has-text('what decides')").get_attribute("aria-pressed") == "true"
    page.keyboard.press("End")
    assert heat_at(page, 10**6) == [0] * len(levels)
    assert "#step=" in str(page.locator("#lenses a").first.get_attribute("href"))  # the step goes along to another method


def test_any_game_of_the_run_is_played_by_a_form(page: Page, served: Served) -> None:
    one = accepted(served)["id"]
    page.goto(f"{served.base}{RUN}/candidates/{one}")
    page.click("text=Play it in any game")
    page.select_option("select[name=against]", "start")
    page.fill("input[name=number]", "12345678901234567890")
    page.click("button:has-text('Play')")
    page.wait_for_selector(".game canvas")
    assert page.locator("#s-game").inner_text().startswith(f"{one} beside start")
    assert "12345678901234567890" in page.locator("#s-game").inner_text()
    assert page.locator(".game").count() == 2
    page.locator(".games").focus()
    page.keyboard.press("ArrowRight")
    assert page.url.endswith("#step=1")
    page.goto(page.url)
    page.reload()
    page.wait_for_selector(".game canvas")
    assert page.locator(".game .said").first.inner_text().startswith("Move 1,")
    with page.expect_download() as waiting:
        page.locator("#files a", has_text="GIF").first.click()
    kept = waiting.value
    assert kept.suggested_filename == f"{one}-12345678901234567890.gif"
    with Image.open(kept.path()) as image:
        last = page.locator(".games input[type=range]").get_attribute("max")
        assert 1 < image.n_frames <= int(last or 0) + 1
        image.seek(image.n_frames - 1)
        assert len(np.unique(np.array(image.convert("RGB")).reshape(-1, 3), axis=0)) > 3


def test_a_game_is_chosen_without_scripts(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(f"{served.base}{RUN}/games")
    page.fill("input[name=number]", "3")
    page.select_option("select[name=stream]", "watch")
    page.select_option("select[name=saliency]", "rollout")
    page.click("button:has-text('Play')")
    assert page.locator("#s-game").inner_text().startswith("the incumbent now")
    assert "by attention rollout" in page.locator(".lit").inner_text()
    page.click("a:has-text('game 4')")
    assert "number=4" in page.url
    assert "saliency=rollout" in page.url
    assert page.locator("#s-game").count() == 1
    context.close()


def test_a_run_that_goes_on_is_followed(page: Page, served: Served, finished: Path) -> None:
    """The steps of its second round are recorded while the page is open, which is never loaded again."""
    copy = served.home / "live-000"
    later = before_second_round(finished, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        db.execute("UPDATE meta SET value = 'running' WHERE key = 'status'")
        db.commit()
    with locked(copy), closing(Ledger(copy / "ledger.sqlite")) as writer:
        page.goto(f"{served.base}/runs/live-000")
        assert page.locator("#rounds tbody tr").count() == 1
        assert page.locator(".doing").count() == 1
        page.evaluate("window.kept = true")
        goes_on(writer, later)
        page.wait_for_selector("#rounds tbody tr:nth-child(2)")
        page.wait_for_selector("#scores circle.mark >> nth=2")
    page.wait_for_selector(".status.stopped")  # nobody is at work in it any more
    assert page.evaluate("window.kept")
    page.goto(served.base)
    shutil.rmtree(copy)


def test_a_patch_is_rolled_back_after_a_question(page: Page, served: Served) -> None:
    """This changes the run, so it comes last."""
    one = accepted(served)["id"]
    page.goto(f"{served.base}{RUN}/candidates/{one}")
    page.click("text=Roll back")
    page.fill("input[name=reason]", "it looks <b>odd</b>")
    page.click("text=Roll it back")
    page.wait_for_url(f"**{RUN}/candidates/{one}")
    assert "rolled back" in page.locator("h1").inner_text()
    assert "it looks <b>odd</b>" in page.locator(".facts").inner_text()
    with closing(Report(served.home / "micro-000")) as report:
        assert report.candidate(one)["verdict"] == "rolled_back"
    page.goto(f"{served.base}{RUN}/lineage")
    assert page.locator("path.undo").count() == 1


def resumed(folder: Path, *overrides: str) -> None:
    """Let a run go on in a process of its own: while the browser is here, this thread can run no event loop."""
    words = [word for one in overrides for word in ("--set", one)]
    command = [sys.executable, "-m", "ouroloop.cli", "resume", str(folder), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=250)


@pytest.fixture(scope="module")
def asked(served: Served, waiting: Path) -> Iterator[Path]:
    """A run of the server in which a patch won its race and waits for an answer; two tests take it further, in order."""
    yield Path(shutil.copytree(waiting, served.home / "asked"))
    shutil.rmtree(served.home / "asked")


def test_a_patch_that_waits_is_approved(asked: Path, page: Page, served: Served) -> None:
    here, one = f"{served.base}/runs/asked", "r1-patch1"
    page.goto(served.base)
    assert "waits for your answer" in page.locator("#runs").inner_text()
    page.goto(here)
    page.click(f".doing >> text={one}")
    assert "waits for your answer" in page.locator(".facts").inner_text()
    assert page.locator("#evidence-section svg").count() == 1
    page.fill("#approval input", "read every line")
    page.click("text=Let it play")
    page.wait_for_url(f"**/candidates/{one}")
    resumed(asked)
    page.goto(f"{here}/candidates/{one}")
    assert "accepted" in page.locator("h1").inner_text()
    assert "read every line" in page.locator(".head").inner_text()


def test_what_was_rolled_back_is_accepted_again(asked: Path, page: Page, served: Served) -> None:
    here, one = f"{served.base}/runs/asked", "r1-patch1"
    page.goto(f"{here}/candidates/{one}")
    page.click("text=Roll back")
    page.click("text=Roll it back")
    page.click("text=Propose again")
    page.fill("input[name=reason]", "that was a mistake")
    page.click("text=Propose it")
    page.wait_for_url(f"**/candidates/{one}")
    page.goto(here)
    assert f"{one} again: that was a mistake" in page.locator(".head").inner_text()
    resumed(asked, "budget.rounds=2", "approve=none")
    page.goto(f"{here}/candidates/r2-patch1")
    assert "accepted" in page.locator("h1").inner_text()
    assert "user" in page.locator(".facts").inner_text()
    page.goto(f"{here}/lineage")
    assert page.locator("path.undo").count() == 1
