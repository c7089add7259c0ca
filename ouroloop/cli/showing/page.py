"""Commands that show runs in a browser or as files: `ui`, `demo` and `report`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ouroloop.cli.options import FOLDER, file_at, folder_at
from ouroloop.cli.showing.runs import RUNS
from ouroloop.protocols.errors import UsageError
from ouroloop.streams import say_json

if TYPE_CHECKING:
    from ouroloop.inspect.page.export import Written
    from ouroloop.inspect.page.shelf import Shelf

GAMES = click.option(
    "--games/--no-games", default=True, help="Play two games of each accepted candidate again, and put them in."
)


PORT = click.option("--port", type=click.IntRange(0, 65535), default=0, help="The loopback port; by default any that is free.")
OPEN = click.option("--open/--no-open", "open_", default=True, help="Open the page in the browser.")


@click.command()
@click.argument("places", metavar="[DIR]...", type=FOLDER, nargs=-1)
@PORT
@OPEN
@click.option("--export", type=FOLDER, help="Write the page as a site of plain files into this new folder, and serve nothing.")
@GAMES
def ui(places: tuple[Path, ...], port: int, open_: bool, export: Path | None, games: bool) -> None:
    """Show runs in the browser: run directories DIR, or folders of them (runs/ by default). Ctrl-C ends it.

    The page is served on a loopback address, to whoever has the token in the address that is printed. It reads runs while they
    go on, and changes nothing unless you press a button that says so.

    \b
    Examples:
      ouroloop ui
      ouroloop ui runs/quickstart-001 ablations
      ouroloop ui --port 8000 --no-open
      ouroloop ui runs --export site
    """
    from ouroloop.inspect.page.shelf import shelf

    shown = shelf(places or (RUNS,))
    if export is not None:
        from ouroloop.inspect.page.app import Pages
        from ouroloop.inspect.page.export import site
        from ouroloop.runs.progress import progress

        with progress() as told:
            _tell(site(Pages(shown), export, told.advance, games=games))
        return
    _serve(shown, port, open_=open_)


@click.command()
@PORT
@OPEN
def demo(port: int, open_: bool) -> None:
    """Show a recorded run in the browser: no model, no training, nothing to wait for. Ctrl-C ends it.

    In it a small language model proposed rewards and patches on this package's own quickstart. Games of its accepted candidates
    can be played again.

    \b
    Examples:
      ouroloop demo
    """
    import tempfile

    from ouroloop.inspect.demo.unpacking import unpack
    from ouroloop.inspect.page.shelf import shelf

    with tempfile.TemporaryDirectory(prefix="ouroloop-demo-") as scratch:
        _serve(shelf([unpack(Path(scratch))]), port, open_=open_)


def _serve(shown: Shelf, port: int, *, open_: bool) -> None:
    import tempfile
    import webbrowser

    from ouroloop.inspect.page.serving import serve
    from ouroloop.terminal import say, say_lines

    def tell(address: str) -> None:
        say_lines(address)
        say("Ctrl-C ends it", err=True)
        if open_ and _has_screen():
            door.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">', encoding="utf-8")
            webbrowser.open(door.as_uri())  # others see the arguments of a browser, and the address holds the token

    with tempfile.TemporaryDirectory(prefix="ouroloop-ui-") as scratch:  # which this user alone can read
        door = Path(scratch) / "open.html"
        serve(shown, port, tell)


@click.command()
@click.argument("places", metavar="DIR...", type=FOLDER, nargs=-1, required=True)
@click.option("--html", "html_file", type=FOLDER, metavar="FILE", help="Write one HTML file that holds everything.")
@click.option("--pdf", "pdf_file", type=FOLDER, metavar="FILE", help="Write a PDF; this needs Chromium or Chrome.")
@click.option("--md", "md_file", type=FOLDER, metavar="FILE", help="Write Markdown.")
@click.option("--csv", "csv_folder", type=FOLDER, metavar="FOLDER", help="Write the tables of each run as CSV.")
@click.option("--arrow", "arrow_folder", type=FOLDER, metavar="FOLDER", help="Write them as Arrow files.")
@GAMES
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def report(
    places: tuple[Path, ...],
    html_file: Path | None,
    pdf_file: Path | None,
    md_file: Path | None,
    csv_folder: Path | None,
    arrow_folder: Path | None,
    games: bool,
    as_json: bool,
) -> None:
    """Write a report about runs: run directories DIR, or folders of them.

    \b
    Examples:
      ouroloop report runs/quickstart-001 --html quickstart.html
      ouroloop report runs/quickstart-001 --md quickstart.md --pdf quickstart.pdf
      ouroloop report runs --csv tables
    """
    from ouroloop.inspect.page.app import Pages
    from ouroloop.inspect.page.export import one_file
    from ouroloop.inspect.page.reports import markdown, pdf, tables
    from ouroloop.inspect.page.shelf import shelf
    from ouroloop.runs.progress import progress

    asked = {"--html": html_file, "--pdf": pdf_file, "--md": md_file}
    folders = {"--csv": csv_folder, "--arrow": arrow_folder}
    if not any([*asked.values(), *folders.values()]):
        raise UsageError("nothing to write: give --html, --pdf or --md FILE, or --csv or --arrow FOLDER")
    for option, folder in folders.items():
        if folder is not None:
            folder_at(folder, option)
    for option, file in asked.items():
        if file is not None:
            file_at(file, option)
    pages, written = Pages(shelf(places)), []
    with progress() as told:
        if html_file is not None:
            written.append(one_file(pages, html_file, told.advance, games=games))
        if pdf_file is not None:
            written.append(pdf(pages, pdf_file, told.advance))
        if md_file is not None:
            written.append(markdown(pages, md_file))
        if csv_folder is not None:
            written.append(tables(pages, csv_folder, "csv"))
        if arrow_folder is not None:
            written.append(tables(pages, arrow_folder, "arrow"))
    if as_json:
        say_json([_document(one) for one in written])
        return
    for one in written:
        _tell(one)


def _has_screen() -> bool:
    """Tell whether a browser can open a window; one that runs in the terminal would take it over."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _tell(written: Written) -> None:
    from ouroloop.terminal import say

    games = f", {written.games} pairs of games" if written.games else ""
    say(f"{written.place}: {written.pages} {written.what}{games}, {written.bytes / 1000:,.0f} kB")
    for line in written.left_out:
        say(line, err=True)


def _document(written: Written) -> dict[str, object]:
    return {
        "file": str(written.place),
        written.what: written.pages,
        "games": written.games,
        "bytes": written.bytes,
        "left_out": list(written.left_out),
    }
