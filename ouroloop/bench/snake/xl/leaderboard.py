"""The leaderboard: every result file is verified, then a page, a table, a JSON document and a badge tell how players did.

The page needs nothing else and runs no script. Names and other texts of the players are foreign: they are capped where they are
read, and escaped where they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from ouroloop.atomic import whole_file
from ouroloop.bench.snake.xl.checking import verify
from ouroloop.bench.snake.xl.definition import BOARDS, GAMES, NAME, VERSION
from ouroloop.bench.snake.xl.results import Overall, Played, Result
from ouroloop.inspect.page.addresses import InOneFile, OnServer
from ouroloop.inspect.page.charts.bars import Bar, shares
from ouroloop.inspect.page.charts.svg import tag
from ouroloop.inspect.page.export import bound
from ouroloop.inspect.page.rendering import Page, section, whole
from ouroloop.protocols.canonical import sha256
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.text import plain_line

TITLE: Final = "Snake-XL"
MOST_FILES: Final = 1000
CHARACTER: Final = 6.6
"""Width of a character on the badge, in pixels; `textLength` holds the text to it in any font."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A player on the leaderboard.

    Args:
        file: the name of its result file.
        digest: the SHA-256 of that file.
        rank: from 1; None if boards or games are missing.
        result: what the file holds.
    """

    file: str
    digest: str
    rank: int | None
    result: Result

    @property
    def name(self) -> str:
        """What the player is called."""
        return self.result.player.name

    @property
    def kind(self) -> str:
        """What sort of player it is."""
        return self.result.player.kind

    @property
    def parts(self) -> dict[str, str]:
        """What it consists of."""
        return self.result.player.parts

    @property
    def token(self) -> str:
        """What it counts as a token."""
        return self.result.player.token

    @property
    def overall(self) -> Overall:
        """Its figures over all boards."""
        return self.result.overall

    @property
    def cells(self) -> list[Played | None]:
        """Its games on each board of the definition; None where it has not played yet."""
        found = {played.board: played for played in self.result.boards}
        return [found.get(board) for board in BOARDS]


def gather(folder: Path, report: Callable[[str, float], None]) -> list[Entry]:
    """Return the entries of a folder's result files (`*.json`), the best first; those that are not complete come last.

    Raises:
        UsageError: there is no result file, or there are too many.
        Refused: a file is not what the benchmark writes.
    """
    files = sorted(folder.glob("*.json"))[: MOST_FILES + 1] if folder.is_dir() else []
    if not 0 < len(files) <= MOST_FILES:
        raise UsageError(f"--leaderboard {folder} holds {len(files) or 'no'} result files (*.json): expected 1 to {MOST_FILES}")
    found = []
    for number, file in enumerate(files):

        def tell(share: float, number: int = number, file: Path = file) -> None:
            report(plain_line(file.name, 80), (number + share) / len(files))

        found.append((verify(file, tell), file))
    found.sort(key=lambda one: (not one[0].overall.complete, -one[0].overall.utility, one[0].player.name))
    return [
        Entry(file.name, sha256(file.read_bytes()), number if result.overall.complete else None, result)
        for number, (result, file) in enumerate(found, 1)
    ]


def write_all(entries: Sequence[Entry], out: Path) -> list[Path]:
    """Write `index.html`, `leaderboard.json`, `leaderboard.md` and `badge.svg`; return their paths.

    Raises:
        SurroundingsError: the folder cannot be written.
    """
    texts = {
        "index.html": html(entries),
        "leaderboard.json": json.dumps(document(entries), indent=1) + "\n",
        "leaderboard.md": markdown(entries),
        "badge.svg": badge(entries),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with whole_file(out / name) as half:
                half.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SurroundingsError(f"{out} cannot be written ({error.strerror}): choose another --out") from error
    return [out / name for name in texts]


def document(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the leaderboard as a JSON document: each player's figures, without its games."""
    return {
        "benchmark": NAME,
        "version": VERSION,
        "entries": [
            {
                "rank": entry.rank,
                "file": entry.file,
                "sha256": entry.digest,
                "player": entry.result.player.model_dump(mode="json"),
                "package": entry.result.package,
                "overall": entry.overall.model_dump(mode="json"),
                "boards": [
                    played.model_dump(mode="json", include={"size", "walls", "cannot_play", "figures"})
                    for played in entry.result.boards
                ],
            }
            for entry in entries
        ],
    }


def html(entries: Sequence[Entry]) -> str:
    """Return the leaderboard as one HTML document."""
    addresses = InOneFile({})
    ranked = [Bar(plain_line(entry.name, 26), entry.overall.utility) for entry in entries if entry.rank]
    chart = shares(ranked, "Score of each player", signed=False)
    page = Page("leaderboard.html", TITLE, {**_shown(entries), "chart": chart})
    return bound([("leaderboard", TITLE, section(page, addresses, "leaderboard"))], addresses, TITLE)


def markdown(entries: Sequence[Entry]) -> str:
    """Return the leaderboard as Markdown."""
    return whole("leaderboard.md", OnServer(live=False), title=TITLE, **_shown(entries))


def _shown(entries: Sequence[Entry]) -> dict[str, object]:
    first = next((entry for entry in entries if entry.rank == 1), None)
    names = [board.name for board in BOARDS]
    return {"entries": entries, "first": first, "version": VERSION, "games": GAMES, "boards": names}


def badge(entries: Sequence[Entry]) -> str:
    """Return a badge that names the leader and its score, as SVG."""
    first = next((entry for entry in entries if entry.rank == 1), None)
    said = "no complete result" if first is None else f"{plain_line(first.name, 28)} {first.overall.utility:.3f}"
    left, right = (CHARACTER * len(text) + 14 for text in (TITLE, said))
    label = f"{TITLE}: {said}"
    words = [_word(TITLE, 7.0, left - 14), _word(said, left + 7, right - 14)]
    picture = tag(
        "svg",
        tag("title", label),
        tag("rect", width=left + right, height=20, rx=4, fill="#59636e"),
        tag("rect", x=left, width=right, height=20, rx=4, fill="#0b5d7a"),
        tag("rect", x=left, width=6, height=20, fill="#0b5d7a"),
        *words,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        aria_label=label,
        width=left + right,
        height=20,
    )
    return f"{picture}\n"


def _word(said: str, x: float, width: float) -> Markup:
    return tag(
        "text", said, x=x, y=14, fill="#fff", font_family="Verdana,DejaVu Sans,sans-serif", font_size=11, textLength=width
    )
