"""`ouroloop bench perception`: how fast pictures are made, how exactly they are read, and how well players do that see.

Each section is a module of this folder with `measure(report, seed)`, which returns its figures, and `table(found)`, which shows
them. A module is imported when its section is measured or shown, since some need libraries that take seconds to load.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import ModuleType

    from ouroloop.bench.sections import Section
    from ouroloop.bench.timing import Report

PARTS: Final = ("frames", "reader", "play", "latent", "clip", "gemma", "saliency")
"""The sections, in the order of the document, by the names of their modules."""


def part(name: str) -> ModuleType:
    """Return the module of a section."""
    return import_module(f"ouroloop.bench.perception.{name}")


def section(name: str) -> Section:
    """Return the function that measures a section."""

    def measure(report: Report, seed: int) -> dict[str, Any]:
        found: dict[str, Any] = part(name).measure(report, seed)
        return found

    return measure


SECTIONS: Final[dict[str, Section]] = {name: section(name) for name in PARTS}
"""Sections by name, in the order of the document."""
