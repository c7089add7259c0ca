"""Which address of the page's server is which view, and which changes it takes.

Reading happens in threads, one request per run at a time. Whatever is wrong with a run becomes a page that says so.

The module is long because all addresses stand in one table, beside what answers them.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from jinja2 import TemplateError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ouroloop.inspect.notes import write_notes
from ouroloop.inspect.page.acting import commanded
from ouroloop.inspect.page.addresses import OnServer
from ouroloop.inspect.page.games.films import Films
from ouroloop.inspect.page.reading import Opened, Reading
from ouroloop.inspect.page.rendering import STATIC, Page, html, static
from ouroloop.inspect.page.replays import Replays, asks
from ouroloop.inspect.page.stream import stream
from ouroloop.inspect.page.tables import TABLES, csv_of
from ouroloop.inspect.page.views.ablation import ablation_page
from ouroloop.inspect.page.views.actions import again_page, approve, propose_again, roll_back, rollback_page
from ouroloop.inspect.page.views.candidate import candidate_page
from ouroloop.inspect.page.views.lineage import changes_page, lineage_page
from ouroloop.inspect.page.views.models import models_page
from ouroloop.inspect.page.views.round import round_page
from ouroloop.inspect.page.views.run import run_page
from ouroloop.inspect.page.views.runs import Cards, column, compare_page, runs_page
from ouroloop.ledger.faults import FORMS
from ouroloop.ledger.lock import is_running
from ouroloop.protocols.errors import LedgerError, OuroloopError, UsageError
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from ouroloop.inspect.page.addresses import Addresses
    from ouroloop.inspect.page.shelf import Shelf
    from ouroloop.inspect.page.views.actions import Action

KINDS: Final = {"css": "text/css", "js": "text/javascript"}
MOST_COMPARED: Final = 12
BROKEN: Final = (*FORMS, StopIteration, TemplateError)
"""What odd but well-formed records make a view or a template raise."""
AT_ONCE: Final = 30
"""Changes that are shown at a time."""


class Pages:
    """The views behind their addresses.

    Args:
        shelf: what is shown.
        films: plays games again.
        prefix: what every address begins with; see `guard`.
    """

    def __init__(self, shelf: Shelf, films: Films | None = None, prefix: str = "") -> None:
        """Open nothing yet."""
        self.shelf, self.reading, self.films = shelf, Reading(), films or Films()
        self.cards, self.addresses = Cards(self.reading), OnServer(prefix)
        self.replays = Replays(self.opened, self.films, self.addresses)
        self._costs: dict[str, float] = {}

    def app(self) -> Starlette:
        """Return the application, which `guard.Guard` has to stand before."""
        run, candidate = "/runs/{run}", "/runs/{run}/candidates/{id}"
        return Starlette(
            routes=[
                Route("/", self._answer(lambda _: self.runs())),
                Route("/compare", self._answer(lambda request: self.compare(request.query_params.getlist("run")))),
                Route("/ablations/{name}", self._answer(lambda request: self.ablation(request.path_params["name"]))),
                Route(run, self._answer(lambda request: self.run(request.path_params["run"], _number(request, "before")))),
                Route(f"{run}/live", self.live),
                Route(f"{run}/notes", self.note, methods=["POST"]),
                Route(f"{run}/tables/{{name}}.csv", self.table),
                Route(f"{run}/lineage", self._answer(lambda request: self.lineage(request.path_params["run"]))),
                Route(
                    f"{run}/changes",
                    self._answer(lambda request: self.changes(request.path_params["run"], _number(request, "before"), AT_ONCE)),
                ),
                Route(f"{run}/models", self._answer(lambda request: self.models(request.path_params["run"]))),
                Route(f"{run}/rounds/{{index:int}}", self._answer(lambda request: self.round(**request.path_params))),
                Route(candidate, self._answer(lambda request: self.candidate(**request.path_params))),
                Route(f"{candidate}/pairs/{{number:int}}", self._answer(self._pair)),
                Route(f"{candidate}/pairs/{{number:int}}", self.play, methods=["POST"]),
                Route(f"{candidate}/pairs/{{number:int}}/{{who:int}}.{{form}}", self._sent(self._pair_file)),
                Route(f"{run}/games", self._answer(self._games)),
                Route(f"{run}/games/{{who:int}}.{{form}}", self._sent(self._game_file)),
                Route(f"{candidate}/rollback", self._answer(lambda request: self.rollback(**request.path_params))),
                Route(f"{candidate}/rollback", self._acting(roll_back), methods=["POST"]),
                Route(f"{candidate}/again", self._answer(lambda request: self.again(**request.path_params))),
                Route(f"{candidate}/again", self._acting(propose_again), methods=["POST"]),
                Route(f"{candidate}/approval", self._acting(approve), methods=["POST"]),
                Route("/static/{name}", self.static),
            ],
            exception_handlers={404: self._missing},
        )

    def runs(self) -> Page:
        """Return the list of runs."""
        cards = [self.cards.of(name, folder) for name, folder in self.shelf.folders().items()]
        return runs_page(cards, list(self.shelf.ablations()), (*self.shelf.homes, *self.shelf.runs))

    def compare(self, names: list[str]) -> Page:
        """Return several runs beside each other."""
        folders = self.shelf.folders()
        cards = [self.cards.of(name, folder) for name, folder in folders.items()]
        wanted = list(dict.fromkeys(names))[:MOST_COMPARED]
        columns = []
        for name in wanted:
            if name in folders:
                with self.opened(name) as opened:
                    columns.append(column(name, opened))
        return compare_page(cards, columns, [name for name in wanted if name not in folders])

    def ablation(self, name: str) -> Page:
        """Return an ablation."""
        folder = self.shelf.ablations().get(name)
        if folder is None:
            raise UsageError(f"no ablation is called {plain_line(name, 80)}")
        return ablation_page(name, folder)

    def run(self, run: str, before: int | None = None, to: Addresses | None = None) -> Page:
        """Return a run; `to` says where the links of its chart lead."""
        with self.opened(run) as opened:
            return run_page(run, opened, to or self.addresses, before)

    def lineage(self, run: str, to: Addresses | None = None) -> Page:
        """Return a run's builds; `to` says where the links of the graph lead."""
        with self.opened(run) as opened:
            return lineage_page(run, opened, to or self.addresses)

    def changes(self, run: str, before: int | None = None, most: int | None = None) -> Page:
        """Return a run's changes; see `changes_page`."""
        with self.opened(run) as opened:
            return changes_page(run, opened, before, most)

    def models(self, run: str) -> Page:
        """Return a run's proposers."""
        with self.opened(run) as opened:
            return models_page(run, opened)

    def round(self, run: str, index: int) -> Page:
        """Return a round."""
        with self.opened(run) as opened:
            return round_page(run, opened, index)

    def candidate(self, run: str, id: str, to: Addresses | None = None) -> Page:
        """Return a candidate; `to` says where the links of its chart lead."""
        with self.opened(run) as opened:
            return candidate_page(run, opened, to or self.addresses, id)

    def pair(self, run: str, id: str, number: int) -> Page:
        """Return a pair of games."""
        return self.replays.pair(run, id, number)

    def rollback(self, run: str, id: str) -> Page:
        """Return the page that asks whether to roll back."""
        with self.opened(run) as opened:
            return rollback_page(run, opened, id)

    def again(self, run: str, id: str) -> Page:
        """Return the page that asks whether to propose a candidate again."""
        with self.opened(run) as opened:
            return again_page(run, opened, id)

    @contextmanager
    def opened(self, name: str) -> Iterator[Opened]:
        """Give a run by name. Raises UsageError if there is none."""
        folder = self.shelf.folders().get(name)
        if folder is None:
            raise UsageError(f"no run is called {plain_line(name, 80)}")
        with self.reading.open(folder) as opened:
            yield opened

    async def live(self, request: Request) -> Response:
        """Follow a run: an event whenever its record grows."""
        run = request.path_params["run"]
        folder = self.shelf.folders().get(run)
        if folder is None:
            return PlainTextResponse("no such run\n", 404)
        return stream(folder, request, lambda: self._costs.get(run, 0.0))

    async def play(self, request: Request) -> Response:
        """Play a pair of games again, and go to its page."""
        given, asked = request.path_params, request.query_params.get("saliency", "")
        run, id, number = given["run"], given["id"], given["number"]
        try:
            await run_in_threadpool(self.replays.play_pair, run, id, number, asked)
        except OuroloopError as error:
            said = str(error)
            return await self._answer(lambda _: self.replays.pair(run, id, number, why=said))(request)
        except BROKEN as error:
            return self._failed(error)
        place = ("runs", run, "candidates", id, "pairs", number)
        return RedirectResponse(self.addresses.to(*place, saliency=asked or None) or "/", 303)

    def _pair(self, request: Request) -> Page:
        return self.replays.pair(**request.path_params, asked=request.query_params.get("saliency", ""), play=asks(request))

    def _games(self, request: Request) -> Page:
        return self.replays.games(request.path_params["run"], request.query_params, play=asks(request))

    def _pair_file(self, request: Request) -> Response:
        return self.replays.pair_file(**request.path_params, asked=request.query_params.get("saliency", ""))

    def _game_file(self, request: Request) -> Response:
        return self.replays.game_file(**request.path_params, given=request.query_params)

    def _sent(self, make: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers a request by a file of a game, which is made in a thread."""

        async def answer(request: Request) -> Response:
            try:
                if not asks(request):
                    raise UsageError("a game is played for this page and its user alone: open the link yourself")
                return await run_in_threadpool(make, request)
            except (OuroloopError, *BROKEN) as error:
                return self._failed(error)

        return answer

    def _acting(self, act: Action) -> Callable[[Request], Awaitable[Response]]:
        """Return what does something to a candidate's run by the command that does it, and goes to the candidate's page."""

        async def answer(request: Request) -> Response:
            run, id = request.path_params["run"], request.path_params["id"]
            form = await _form(request)
            try:
                await run_in_threadpool(self._act, act, run, id, form)
            except (OuroloopError, *BROKEN) as error:
                return self._failed(error, refused=409)
            return RedirectResponse(self.addresses.to("runs", run, "candidates", id) or "/", 303)

        return answer

    def _act(self, act: Action, run: str, id: str, form: dict[str, str]) -> None:
        with self.opened(run) as opened:
            words = act(run, opened, id, form)
        commanded(words)

    async def note(self, request: Request) -> Response:
        """Keep tags and notes, and go back to the run."""
        run, form = request.path_params["run"], await _form(request)
        try:
            await run_in_threadpool(self._note, run, form.get("tags", ""), form.get("text", ""))
        except (OuroloopError, *BROKEN) as error:
            return self._failed(error, refused=409)
        return RedirectResponse(self.addresses.to("runs", run) or "/", 303)

    def _note(self, run: str, tags: str, text: str) -> None:
        with self.opened(run) as opened:
            folder = opened.folder
        write_notes(folder, tags, text)

    async def table(self, request: Request) -> Response:
        """Return a table of a run as CSV."""
        run, name = request.path_params["run"], request.path_params["name"]
        try:
            text = await run_in_threadpool(self._table, run, name)
        except (OuroloopError, *BROKEN) as error:
            return self._failed(error)
        return PlainTextResponse(text, media_type="text/csv")

    def _table(self, run: str, name: str) -> str:
        if name not in TABLES:
            raise UsageError(f"no table is called {plain_line(name, 40)}: there are {', '.join(TABLES)}")
        with self.opened(run) as opened:
            return csv_of(TABLES[name](opened.outline))

    async def static(self, request: Request) -> Response:
        """Return a file of the page's own."""
        name = request.path_params["name"]
        if name not in STATIC:
            return PlainTextResponse("no such file\n", 404)
        return PlainTextResponse(static(name), media_type=KINDS[Path(name).suffix[1:]])

    def _answer(self, view: Callable[[Request], Page]) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers a request by a view, in a thread."""

        async def answer(request: Request) -> Response:
            try:
                return HTMLResponse(*await run_in_threadpool(lambda: self._drawn(request, view)))
            except (OuroloopError, *BROKEN) as error:
                return self._failed(error)

        return answer

    async def _missing(self, request: Request, error: Exception) -> Response:
        return HTMLResponse(self._error(UsageError(f"there is no page at {plain_line(request.url.path, 120)}")), 404)

    def _drawn(self, request: Request, view: Callable[[Request], Page]) -> tuple[str, int]:
        """Return a page as HTML, and its status; it follows its run while that is at work. Note what it took to draw."""
        begun, page = time.thread_time(), view(request)
        folder = self.shelf.folders().get(page.run) if page.watch and page.run else None
        text = html(replace(page, watch=folder is not None and is_running(folder)), self.addresses)
        self._costs[page.run] = time.thread_time() - begun
        return text, page.status

    def _failed(self, error: Exception, refused: int = 404) -> Response:
        """Return the page that says what is wrong: 500 for a damaged run, else the status of what is refused."""
        if not isinstance(error, OuroloopError):  # records that are well-formed, but not as any run writes them
            error = LedgerError(f"this run is damaged ({type(error).__name__}: {plain_line(str(error))})")
        return HTMLResponse(self._error(error), 500 if isinstance(error, LedgerError) else refused)

    def _error(self, error: OuroloopError) -> str:
        found = isinstance(error, LedgerError) or not isinstance(error, UsageError)
        title = "This cannot be shown" if found else "Not found"
        return html(Page("error.html", title, {"said": str(error)}, (("Runs", ()),)), self.addresses)


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _number(request: Request, key: str) -> int | None:
    """Return a whole number of a query; None if it is none."""
    text = request.query_params.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
