"""What installed packages announce by entry point, and loading an object from where it is said to be."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

from ouroloop.protocols.canonical import sha256
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import did_you_mean
from ouroloop.sheltered import sheltered

log = logging.getLogger(__name__)


def announced(group: str) -> dict[str, str]:
    """Return the entry points of a group: name -> `module:attribute`. A package whose file of them is damaged is left out."""
    return dict(sorted(_points(group)))


def _points(group: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for package in distributions():
        try:
            name = str(package.metadata["Name"]).lower()
            points = [(point.name, point.value.split("[")[0].strip()) for point in package.entry_points if point.group == group]
        except Exception:  # the boundary: metadata that some package wrote
            log.debug("a package's entry points cannot be read", exc_info=True)
        else:
            if name not in seen:  # as Python imports, the first of two copies of a package counts
                seen.add(name)
                yield from points


def place_of(where: str, known: Mapping[str, str], what: str, forms: str) -> str:
    """Return where a part lies: the place that is announced under its name, or the text itself if that is a place.

    Args:
        where: a name, or a place (`module:attribute`).
        known: the announced parts: name -> place.
        what: what kind of part it is, for the message.
        forms: how its place may be written, for the message.

    Raises:
        UsageError: it is neither; the message has the nearest name and all others.
    """
    place = known.get(where, where)
    if ":" in place:
        return place
    listed = ", ".join(sorted(known))
    raise UsageError(f"no {what} {where!r}: {did_you_mean(where, known, 0.6)}give an installed one ({listed}), {forms}")


def load(where: str) -> object:
    """Return the object at `module:attribute` or `path/to/file.py:attribute`; a dotted attribute lies within another.

    Raises:
        Fault: there is no such thing, or the module's own code failed or took too long.
    """
    module, _, attribute = where.rpartition(":")
    return sheltered(lambda: _attribute(_imported(module), attribute))


def _attribute(module: ModuleType, path: str) -> object:
    return functools.reduce(getattr, path.split("."), module)


def _imported(name: str) -> ModuleType:
    """Return a module by its name or the path of its file, imported once."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name).resolve()
    alias = f"ouroloop_role_{sha256(str(path))[:12]}"
    with _importing.setdefault(alias, threading.RLock()):
        return sys.modules.get(alias) or _run(alias, path)


_importing: dict[str, contextlib.AbstractContextManager[object]] = {}
"""By the name of a file's module: held while it is imported, so that nobody else sees it half made, or runs it again."""


def _run(alias: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(alias, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[alias]  # a half-made module is not what the next caller asked for
        raise
    return module
