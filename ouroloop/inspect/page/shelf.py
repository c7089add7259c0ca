"""The run directories and ablations that the page shows, each under a name of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ouroloop.ledger.parts import LEDGER, RECIPE
from ouroloop.protocols.errors import UsageError

DESIGN: Final = "ablation.json"
"""The file of a finished ablation that holds its document."""
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
        """Return the run directories by name; the second of two with the same name gets a number."""
        found: dict[str, Path] = {}
        for folder in (*self.runs, *(path for home in self.homes for path in _runs(home))):
            if folder not in found.values():
                found[_free(folder.name, found)] = folder
        return found

    def ablations(self) -> dict[str, Path]:
        """Return the folders of ablations by name."""
        found: dict[str, Path] = {}
        for home in self.homes:
            for folder in (home, *_subfolders(home)):
                if (folder / DESIGN).is_file() and folder not in found.values():
                    found[_free(folder.resolve().name, found)] = folder
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


def _runs(home: Path) -> Iterator[Path]:
    """Yield the run directories in a folder, and those in the folders of ablations in it."""
    for folder in _subfolders(home):
        if is_run(folder):
            yield folder
        elif (folder / DESIGN).is_file():
            yield from (run for run in _subfolders(folder) if is_run(run))


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
