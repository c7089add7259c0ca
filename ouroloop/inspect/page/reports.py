"""Reports in other forms than HTML: a PDF, printed by a browser, Markdown, and tables."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ouroloop.atomic import whole_file
from ouroloop.inspect.page.addresses import OnServer
from ouroloop.inspect.page.app import BROKEN
from ouroloop.inspect.page.export import Tell, Written, one_file
from ouroloop.inspect.page.rendering import whole
from ouroloop.inspect.page.tables import safe_cell
from ouroloop.inspect.page.views.lineage import changes_page
from ouroloop.inspect.page.views.models import brought
from ouroloop.inspect.page.views.run import budget, counts
from ouroloop.inspect.page.views.saying import interval
from ouroloop.inspect.report import open_run
from ouroloop.protocols.errors import OuroloopError, SurroundingsError, UsageError
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from ouroloop.inspect.page.app import Pages

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LIMIT_S: Final = 120.0


def pdf(pages: Pages, out: Path, tell: Tell) -> Written:
    """Write a PDF of the report, without games.

    Raises:
        SurroundingsError: there is no Chromium or Chrome, it fails, or the file cannot be written.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SurroundingsError("a PDF is printed by Chromium or Chrome, and neither is here: install one, or use --html")
    with tempfile.TemporaryDirectory(prefix="ouroloop-pdf-") as scratch:
        page, printed = Path(scratch, "report.html"), Path(scratch, "report.pdf")
        written = one_file(pages, page, tell, games=False)
        command = [browser, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer"]
        command += ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for the superuser
        command += [f"--user-data-dir={scratch}/profile", f"--print-to-pdf={printed}", page.as_uri()]
        tell("printing", 0.0)
        try:
            done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired:
            raise SurroundingsError(f"{browser} did not print within {LIMIT_S:.0f} s: try again, or use --html") from None
        if done.returncode or not printed.is_file():
            raise SurroundingsError(f"{browser} did not print (exit code {done.returncode}): use --html")
        data = printed.read_bytes()
    _write(out, data)
    return Written(out, written.pages, 0, len(data), written.left_out)


def markdown(pages: Pages, out: Path) -> Written:
    """Write the report as Markdown: each run's summary, its rounds, what was accepted, and who proposed it.

    Raises:
        SurroundingsError: the file cannot be written.
    """
    parts, names, left_out = [], list(pages.shelf.folders()), []
    for name in names:
        try:
            parts.append(_as_markdown(pages, name))
        except (OuroloopError, *BROKEN) as error:
            left_out.append(f"{name}: {plain_line(str(error), 300)}")
    if not names:
        raise UsageError("no run is there: give a run directory, or a folder that holds some")
    data = "\n".join(parts).encode()
    _write(out, data)
    return Written(out, len(parts), 0, len(data), tuple(left_out), "runs")


def _as_markdown(pages: Pages, name: str) -> str:
    """Return a run's part of the report."""
    with pages.opened(name) as opened:
        outline = opened.outline
        return whole(
            "report.md",
            OnServer(live=False),
            name=name,
            status=opened.report.status(),
            outline=outline,
            start=interval(outline.start_measures),
            now=interval(outline.measures_now()),
            counts=counts(outline),
            spending=budget(outline),
            rounds=[
                (entry, outline.of_round(index), interval(entry.measures)) for index, entry in sorted(outline.rounds.items())
            ],
            changes=changes_page(name, opened).data["changes"][::-1],
            proposers=brought(outline),
        )


def tables(pages: Pages, out: Path, form: Literal["csv", "arrow"]) -> Written:
    """Write the frames of each run (`open_run`) into a folder: `RUN-rounds.csv`, `RUN-candidates.csv`, `RUN-history.csv`.

    Args:
        pages: what is shown.
        out: the folder.
        form: `csv`, or `arrow` for Arrow's IPC files.

    Raises:
        SurroundingsError: the folder cannot be written.
    """
    count, size, left_out = 0, 0, list[str]()
    for name, folder in pages.shelf.folders().items():
        try:
            report = open_run(folder)
        except OuroloopError as error:
            left_out.append(f"{name}: {plain_line(str(error), 300)}")
            continue
        frames = {"rounds": report.rounds, "candidates": report.candidates, "history": report.history}
        for table, frame in frames.items():
            buffer = io.BytesIO()
            if form == "csv":
                frame.map(lambda cell: safe_cell(cell) if isinstance(cell, str) else cell).to_csv(buffer, index=False)
            else:
                frame.to_feather(buffer)
            _write(out / f"{name}-{table}.{form}", buffer.getvalue())
            count, size = count + 1, size + len(buffer.getvalue())
    return Written(out, count, 0, size, tuple(left_out), "tables")


def _write(out: Path, data: bytes) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as half:
            half.write_bytes(data)
    except OSError as error:
        raise SurroundingsError(f"{out} cannot be written ({error.strerror}): choose another place") from error
