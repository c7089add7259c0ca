"""Build the WASM component: CPython on WASI with the worker and the toolkit inside, compiled ahead of time, cached by content.

`componentize-py` (12-23 s) and the ahead-of-time compiler (7-16 s) run once for a given worker, toolkit and versions. The
component imports nothing at all (`stub_wasi`): the guest has no clock, no randomness, no files and no streams, and any attempt
to use one traps.
"""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ouroloop.cached import cache_root, is_sound, new_entry, own_folder, remove
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.guest import shipped

log = logging.getLogger(__name__)

WIT = "package ouroloop:sandbox;\nworld worker {\n  export handle: func(request: string) -> string;\n}\n"
GUEST = """\
import wit_world
from worker import Worker

WORKER = Worker()


class WitWorld(wit_world.WitWorld):
    def handle(self, request: str) -> str:
        return WORKER.handle(request)
"""
COMPONENT = "component.cwasm"
KEPT = 4
"""How many compiled components (38 MB each) the cache keeps; those used recently stay as well."""
IN_USE_S = 86_400.0
"""A component used within this time may be in use: its processes read it again for each session."""
ENGINE_FLAGS = "fuel"
"""Name of the engine's configuration in the cache key; see `child.engine`, which compiles with it and runs with it."""


def cache_folder() -> Path:
    """Return the folder of built components, making it if necessary: a component is native code, so it must be ours alone.

    Raises:
        SurroundingsError: it cannot be written, or others can write it.
    """
    return own_folder(cache_root() / "wasm")


def component_key(toolkit_source: str) -> str:
    """Return the content hash that names a compiled component."""
    try:
        versions = [version("componentize-py"), version("wasmtime")]
    except PackageNotFoundError as error:
        raise SurroundingsError(f"the WASM sandbox needs the package {error.name}; pip install it, or start Docker") from error
    return content_hash(
        [versions, platform.machine(), sys.platform, ENGINE_FLAGS, GUEST, WIT, shipped.sources(), toolkit_source]
    )


def prepare(toolkit_source: str, progress: Callable[[str], None] | None = None) -> Path:
    """Return the compiled component of a toolkit; if the cache does not have it, build it first.

    Args:
        toolkit_source: source of the `toolkit` module.
        progress: called with a line for each step that takes seconds.

    Raises:
        SurroundingsError: `componentize-py` or `wasmtime` is missing or fails, or the cache cannot be written.
    """
    say = progress or log.info
    folder = cache_folder()
    entry = folder / component_key(toolkit_source)
    try:
        if not is_sound(entry):
            with (folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not is_sound(entry):  # nobody built it while we waited
                    _build(entry, toolkit_source, say)
                    prune(folder)
        os.utime(entry)  # so that a component in use is not pruned
    except OSError as error:
        message = f"the WASM sandbox cannot be built in {folder}: {error.strerror or error}; free the disk"
        raise SurroundingsError(message) from error
    return entry / COMPONENT


def prune(folder: Path) -> None:
    """Delete all but the `KEPT` components used last and those that may be in use."""
    entries = [path for path in folder.iterdir() if path.name != "lock"]
    for old in sorted(entries, key=lambda path: path.lstat().st_mtime)[:-KEPT]:
        if time.time() - old.lstat().st_mtime > IN_USE_S:
            remove(old)


def _build(entry: Path, toolkit_source: str, say: Callable[[str], None]) -> None:
    """Build and compile a component, and move it into place in one step."""
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix="build-") as name:
        folder = Path(name)
        app = folder / "app"
        app.mkdir()
        (folder / "worker.wit").write_text(WIT)
        for module, source in {"guest": GUEST, "toolkit": toolkit_source, **shipped.sources()}.items():
            (app / f"{module}.py").write_text(source, encoding="utf-8")
        say("building the WASM sandbox, once (about 15 s): CPython with the controller worker")
        _componentize(folder)
        say("compiling the WASM sandbox, once (about 15 s)")
        from ouroloop.sandbox.wasm.child import compile_component

        with new_entry(entry) as half:
            (half / COMPONENT).write_bytes(compile_component((folder / "worker.wasm").read_bytes()))


def _componentize(folder: Path) -> None:
    """Run componentize-py in its own process: it blocks the interpreter, and its output matters only when it fails."""
    call = "import sys; from componentize_py import script; sys.argv[0] = 'componentize-py'; sys.exit(script())"
    options = ["-d", "worker.wit", "-w", "worker", "componentize", "guest", "-p", "app", "-o", "worker.wasm", "--stub-wasi"]
    # Without VIRTUAL_ENV and with only -p, the guest's path has nothing but the app folder.
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", call, *options], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode or not (folder / "worker.wasm").exists():
        raise SurroundingsError(f"componentize-py failed ({done.returncode}): {(done.stderr or done.stdout)[-1500:]}")
