"""Benchmarks of several sections, each of which is measured, kept and measured again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ouroloop.bench.timing import Report, machine
from ouroloop.protocols.errors import SurroundingsError

Section: TypeAlias = Callable[[Report, int], dict[str, Any]]
"""Takes the progress callback and the seed; returns the section of the document."""


def measure_sections(
    sections: Mapping[str, Section],
    report: Report,
    seed: int,
    only: Sequence[str] = (),
    done: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the document of some sections.

    If a section's surroundings are missing, it says so under `missing`, and the others continue.

    Args:
        sections: by name, in the order of the document.
        report: called with the progress.
        seed: of what is drawn, for sections without seeds of their own.
        only: names of sections; all by default.
        done: called with the document so far after each section.
    """
    names = [name for name in sections if not only or name in only]
    document: dict[str, Any] = {"seed": seed, "seconds": {}, "machine": machine()}
    for index, name in enumerate(names):
        begun = time.perf_counter()
        try:
            found = sections[name](_part(report, name, index, len(names)), seed)
        except SurroundingsError as error:
            found = {"missing": str(error)}
        found.pop("machine", None)
        document[name] = found
        document["seconds"][name] = round(time.perf_counter() - begun, 1)
        done(document)
    return document


def _part(report: Report, name: str, index: int, parts: int) -> Report:
    """Return the progress callback of one section among several."""
    return lambda what, fraction: report(f"{name}: {what}", (index + fraction) / parts)
