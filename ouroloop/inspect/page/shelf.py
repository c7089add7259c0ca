"""The run directories and ablations that the page shows, each under a name of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ouroloop.ledger.parts import LEDGER, RECIPE
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import whole

DESIGN: Final = "ablation.json"
"""The file of a finished ablation that holds its document."""
WITHIN: Final = "~in~"
"""Stands between the name of an ablation and that of its run."""
MOST: Final = 10_000
"""The most entries of a folder that are looked at."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is shown: run directories, and folders of them, as they are at each look.

    Args:
        homes: folders whose run directories and ablations are shown.
        runs: run directories that are shown besides.
    """

    homes: tuple[Path, ...]
    runs: tuple[Path, ...] = ()

    def folders(self) -> dict[str, Path]:
        """Return the run directories by name. A run of an ablation has that one's name before its own.

        So nothing in a folder can take the name of a run beside it. The second of two with the same name gets a number.
        """
        found: dict[str, Path] = {}
        for name, folder in self._named():
            found[_free(name, found)] = folder
        return found

    def _named(self) -> Iterator[tuple[str, Path]]:
        seen = set[Path]()
        for folder in (*self.runs, *(path for home in self.homes for path in _subfolders(home) if is_run(path))):
            if folder not in seen:
                seen.add(folder)
                yield _name(folder), folder
        for name, ablation in self.ablations().items():
            for folder in _subfolders(ablation):
                if is_run(folder) and folder not in seen:
                    seen.add(folder)
                    yield f"{name}{WITHIN}{_name(folder)}", folder

    def ablations(self) -> dict[str, Path]:
        """Return the folders of ablations by name."""
        found: dict[str, Path] = {}
        for home in self.homes:
            for folder in (home, *_subfolders(home)):
                if (folder / DESIGN).is_file() and not (folder / DESIGN).is_symlink():
                    found[_free(_name(folder), found)] = folder
        return found


def shelf(places: Sequence[Path]) -> Shelf:
    """Return a shelf of run directories and folders of them.

    Raises:
        UsageError: a place is no directory.
    """
    homes, runs = list[Path](), list[Path]()
    for place in places:
        if not place.is_dir():
            raise UsageError(f"{place} is no directory: give a run directory, or a folder that holds some")
        (runs if is_run(place) else homes).append(place)
    return Shelf(tuple(homes), tuple(runs))


def is_run(folder: Path) -> bool:
    """Tell whether a folder is meant as a run directory, whole or damaged."""
    return any(os.path.lexists(folder / name) for name in (LEDGER, RECIPE))


def _name(folder: Path) -> str:
    """Return the name of a folder as text, whatever bytes it has."""
    return whole(folder.resolve().name) or "run"


def _subfolders(home: Path) -> list[Path]:
    try:
        with os.scandir(home) as entries:
            names = [entry.name for _, entry in zip(range(MOST), entries, strict=False) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [home / name for name in sorted(names) if not name.startswith(".")]


def _free(name: str, taken: dict[str, Path]) -> str:
    names = (name if count == 1 else f"{name}~{count}" for count in range(1, MOST))
    return next(one for one in names if one not in taken)
