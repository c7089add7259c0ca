"""The same pages without a server: as a site of plain files for any web host, and as one file that holds everything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ouroloop.atomic import whole_directory, whole_file
from ouroloop.inspect.candidate.games import told_pairs
from ouroloop.inspect.page.addresses import Addresses, InFiles, InOneFile, Place, anchor_of, file_of
from ouroloop.inspect.page.app import BROKEN, Pages
from ouroloop.inspect.page.games.builds import game_of
from ouroloop.inspect.page.rendering import STATIC, Page, html, section, static, whole
from ouroloop.protocols.errors import OuroloopError, SurroundingsError
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from ouroloop.inspect.page.games.film import Game
    from ouroloop.inspect.page.reading import Opened

Tell: TypeAlias = Callable[[str, float], None]
"""Called with what is being done, and the share of it that is done."""


@dataclass(frozen=True, slots=True)
class Written:
    """What an export wrote: where, how many pages and games, and its size in bytes; `left_out` says what is not in it.

    `what` is what its parts are called, if they are no pages.
    """

    place: Path
    pages: int
    games: int
    bytes: int
    left_out: tuple[str, ...]
    what: str = "pages"


def places(pages: Pages, films: Mapping[str, set[tuple[str, int]]]) -> Iterator[tuple[Place, Callable[[Addresses], Page]]]:
    """Yield every page that an export has, with the view that makes it.

    Args:
        pages: the views.
        films: the pairs that have games, by run.
    """
    if len(pages.shelf.folders()) > 1 or pages.shelf.ablations():
        yield (), lambda _: pages.runs()
    for name in pages.shelf.ablations():
        yield ("ablations", name), lambda _, name=name: pages.ablation(name)  # type: ignore[misc]  # a default is a keyword here
    for run in pages.shelf.folders():
        yield from _of_run(pages, run, films.get(run, set()))


def _of_run(pages: Pages, run: str, films: set[tuple[str, int]]) -> Iterator[tuple[Place, Callable[[Addresses], Page]]]:
    try:
        with pages.opened(run) as opened:
            rounds, candidates = sorted(opened.outline.rounds), list(opened.outline.candidates)
    except OuroloopError:
        return  # the list of runs says why
    here = ("runs", run)
    yield here, lambda to: pages.run(run, to=to)
    yield (*here, "lineage"), lambda to: pages.lineage(run, to=to)
    yield (*here, "changes"), lambda _: pages.changes(run)
    yield (*here, "models"), lambda _: pages.models(run)
    for index in rounds:
        yield (*here, "rounds", str(index)), _view(pages.round, run, index)
    for id in candidates:
        yield (*here, "candidates", id), _view(pages.candidate, run, id, to=True)
        for number in sorted(number for one, number in films if one == id):
            yield (*here, "candidates", id, "pairs", str(number)), _view(pages.pair, run, id, number)


def _view(view: Callable[..., Page], *given: object, to: bool = False) -> Callable[[Addresses], Page]:
    return lambda addresses: view(*given, to=addresses) if to else view(*given)


def site(pages: Pages, out: Path, tell: Tell, *, games: bool) -> Written:
    """Write a site of plain files into a folder that does not exist yet.

    Args:
        pages: what is shown.
        out: the folder.
        tell: shows how far it is.
        games: play some games of each accepted candidate again, and put them in.

    Raises:
        SurroundingsError: the folder is there already, or cannot be written.
    """
    if out.exists():
        raise SurroundingsError(f"{out} is there already: choose a place that does not exist yet")
    films, left_out = filmed(pages, tell) if games else ({}, [])
    known = dict(places(pages, films))
    try:
        with whole_directory(out, replace=False) as half:
            for done, (place, view) in enumerate(known.items()):
                tell("pages", done / len(known))
                addresses = InFiles(place, known)
                file = half / file_of(place)
                file.parent.mkdir(parents=True, exist_ok=True)
                _, text, fault = _drawn(place, view, addresses, html)
                left_out += fault
                file.write_text(text, encoding="utf-8")
            (half / "static").mkdir()
            for name in STATIC:
                (half / "static" / name).write_text(static(name), encoding="utf-8")
            if () not in known:  # one run alone: the site begins with it
                first = next(iter(known), None)
                (half / "index.html").write_text(whole("start.html", InFiles((), known), first=first), encoding="utf-8")
            size = sum(file.stat().st_size for file in half.rglob("*") if file.is_file())
    except OSError as error:
        raise SurroundingsError(
            f"{out} cannot be written ({error.strerror}): choose a place that does not exist yet"
        ) from error
    return Written(out, len(known), sum(map(len, films.values())), size, tuple(left_out))


def one_file(pages: Pages, out: Path, tell: Tell, *, games: bool) -> Written:
    """Write everything into one HTML file, which needs nothing else.

    Args:
        pages: what is shown.
        out: the file, which is replaced.
        tell: shows how far it is.
        games: see `site`.

    Raises:
        SurroundingsError: the file cannot be written.
    """
    films, left_out = filmed(pages, tell) if games else ({}, [])
    known = dict(places(pages, films))
    addresses, parts = InOneFile(known), []
    for done, (place, view) in enumerate(known.items()):
        tell("pages", done / len(known))
        anchor = anchor_of(place)
        page, text, fault = _drawn(place, view, addresses, partial(section, anchor=anchor))
        left_out += fault
        parts.append((anchor, page.title, text))
    text = bound(parts, addresses, _title(pages), [static("page.js"), static("player.js")])
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as half:
            half.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SurroundingsError(f"{out} cannot be written ({error.strerror}): choose another place") from error
    return Written(out, len(known), sum(map(len, films.values())), len(text.encode()), tuple(left_out))


def bound(parts: Sequence[tuple[str, str, str]], addresses: Addresses, title: str, scripts: Sequence[str] = ()) -> str:
    """Return one HTML document that holds parts, the style sheet and scripts, and lets nothing else be loaded or run.

    Args:
        parts: the anchor, the title and the HTML of each.
        addresses: where pages lie.
        title: of the whole.
        scripts: that may run.
    """
    style = static("page.css")
    allowed = f"default-src 'none'; img-src data:; style-src {_hash(style)}"
    if scripts:
        allowed += f"; script-src {' '.join(map(_hash, scripts))}"
    return whole("report.html", addresses, parts=parts, style=style, scripts=scripts, allowed=allowed, title=title)


def _drawn(
    place: Place, view: Callable[[Addresses], Page], addresses: Addresses, draw: Callable[[Page, Addresses], str]
) -> tuple[Page, str, list[str]]:
    """Return a page and its text, or those that say why it cannot be shown, and then a line about it."""
    try:
        page = view(addresses)
        return page, draw(page, addresses), []
    except (OuroloopError, *BROKEN) as error:
        said = plain_line(str(error), 300)
        page = Page("error.html", place[-1] if place else "Runs", {"said": said})
        return page, draw(page, addresses), [f"{'/'.join(place)}: {said}"]


def filmed(pages: Pages, tell: Tell) -> tuple[dict[str, set[tuple[str, int]]], list[str]]:
    """Play two pairs of each accepted candidate again: the one that it won by most, and the one that it lost by most.

    Returns:
        Which pairs have films, by run, and what could not be played.
    """
    found: dict[str, set[tuple[str, int]]] = {}
    left_out = []
    for run in pages.shelf.folders():
        tell(f"playing games of {run} again", 0.0)
        try:
            with pages.opened(run) as opened:
                wanted, folder = _wanted(opened), opened.folder
            pages.films.make(folder, list(wanted.values()))
            found[run] = set(wanted)
        except (OuroloopError, *BROKEN) as error:
            left_out.append(f"no games of {run}: {plain_line(str(error), 200)}")
    return found, left_out


def _wanted(opened: Opened) -> dict[tuple[str, int], Game]:
    wanted = {}
    for entry in opened.outline.candidates.values():
        if not entry.accepted:
            continue
        pairs = sorted(told_pairs(opened.report, entry.round, opened.report.candidate(entry.id)), key=lambda pair: pair.gain)
        for pair in {pair.number: pair for pair in (*pairs[:1], *pairs[-1:])}.values():
            wanted[entry.id, pair.number] = game_of(opened, entry.id, pair)
    return wanted


def _title(pages: Pages) -> str:
    return ", ".join(pages.shelf.folders()) or "no run"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
