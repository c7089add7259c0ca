"""What installed packages announce by entry point, and loading an object from where it is said to be."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

from ouroloop.protocols.canonical import sha256
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


def load(where: str) -> object:
    """Return the object at `module:attribute` or `path/to/file.py:attribute`; a dotted attribute lies within another.

    Raises:
        Fault: there is no such thing, or the module's own code failed or took too long.
    """
    module, _, attribute = where.rpartition(":")
    done = sys.modules.get(_alias(module))
    if done is not None and not getattr(getattr(done, "__spec__", None), "_initializing", False):
        return sheltered(lambda: _attribute(done, attribute))
    return sheltered(lambda: _attribute(_imported(module), attribute))


def _attribute(module: ModuleType, path: str) -> object:
    return functools.reduce(getattr, path.split("."), module)


def _imported(name: str) -> ModuleType:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name).resolve()
    spec = importlib.util.spec_from_file_location(_alias(name), path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_alias(name)] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_alias(name)]  # a half-made module is not what the next caller asked for
        raise
    return module


def _alias(name: str) -> str:
    """Return the name under which a module is imported; a file gets one that its path alone decides."""
    return f"ouroloop_role_{sha256(str(Path(name).resolve()))[:12]}" if name.endswith(".py") else name
