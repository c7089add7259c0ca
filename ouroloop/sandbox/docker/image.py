"""The worker's Docker image, made without a registry: the running interpreter, the modules it loads, worker and toolkit.

Only files that a started worker has open are shipped (about 15 MB): no shell, no tool, no package. If a registry is available,
an image such as `python:slim`, named by digest, may replace the interpreter. The image is made once for the hash of its
sources. It is used by its ID, a hash of its content, which this user's own cache records: whatever else somebody loads into the
daemon under its name is not used.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from ouroloop.cached import cache_root, is_sound, new_entry, own_folder
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.text import plain_line
from ouroloop.sandbox.docker.packing import PYTHON, pack, tar
from ouroloop.sandbox.guest import shipped

REPOSITORY = "ouroloop-sandbox"
RECORD = "image"
FORMAT = 3
"""Increased when the image's layout changes."""
PYTHON_OF_BASE = "python3"
BY_DIGEST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]*@sha256:[0-9a-f]{64}")
START = """\
import sys
sys.path.insert(0, '/worker')
import init, lockdown, worker
init.supervise(lambda: worker.serve(lambda: lockdown.confine(address_mb={}), {pipes}), {requests!r})
"""


def command(memory_mb: int, pipes: tuple[str, ...], python: str = PYTHON) -> list[str]:
    """Return the container's command: a worker that confines itself and serves frames on named pipes, or on stdio."""
    return [python, "-I", "-S", "-B", "-c", START.format(memory_mb, pipes=pipes, requests=pipes[0] if pipes else "")]


def ensure_image(client: Any, toolkit_source: str, base: str = "") -> str:
    """Return the ID of the worker's image; make it first if it is not recorded, or if the daemon does not have it.

    Args:
        client: of the daemon.
        toolkit_source: source of the `toolkit` module.
        base: an image with a Python to build on, by digest (`python@sha256:...`), instead of the running interpreter.

    Raises:
        UsageError: the base is not named by digest.
        SurroundingsError: the interpreter cannot be packed, the base is not available, or the daemon refuses the image.
    """
    from docker.errors import DockerException, ImageNotFound

    if base and not BY_DIGEST.fullmatch(base):
        raise UsageError(f"sandbox_image = {base!r} is not named by digest; write NAME@sha256: and 64 hexadecimal digits")
    modules = shipped.sources("init", "lockdown") | {"toolkit": toolkit_source}
    key = content_hash([FORMAT, base or [sys.version, sys.base_prefix], modules])[:32]
    files: dict[str, bytes | Path] = {f"/worker/{module}.py": source.encode() for module, source in modules.items()}
    entry = own_folder(cache_root() / "docker") / key
    try:
        if is_sound(entry):
            return str(client.images.get((entry / RECORD).read_text()).id)
    except (ImageNotFound, FileNotFoundError):  # or another process is just making it anew
        pass
    except DockerException as error:
        raise SurroundingsError(f"the Docker daemon does not show the sandbox image: {str(error)[:300]}") from error
    try:
        made = _build_on(client, base, files, key) if base else _import(client, pack(files), key)
        with new_entry(entry) as half:
            (half / RECORD).write_text(made)
    except DockerException as error:
        raise SurroundingsError(f"the Docker daemon could not make the sandbox image: {str(error)[:300]}") from error
    except OSError as error:
        raise SurroundingsError(f"the sandbox image cannot be recorded in {entry.parent}: {error.strerror}") from error
    return made


def _import(client: Any, files: bytes, key: str) -> str:
    """Make an image of a root file system, and return its ID, which the daemon tells last."""
    told = client.api.import_image_from_data(files, repository=REPOSITORY, tag=key)
    try:
        last = json.loads(told.splitlines()[-1])
        return str(last["status"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise SurroundingsError(f"the Docker daemon made no sandbox image: {plain_line(told) or 'it says nothing'}") from None


def _build_on(client: Any, base: str, files: dict[str, bytes | Path], key: str) -> str:
    """Add the worker's files to a base image, pulling it if necessary, and return the new image's ID."""
    from docker.errors import ImageNotFound

    try:
        client.images.get(base)
    except ImageNotFound:
        client.images.pull(base)
    container = client.api.create_container(base, command=["true"], network_disabled=True)["Id"]
    try:
        client.api.put_archive(container, "/", tar(files))
        return str(client.api.commit(container, repository=REPOSITORY, tag=key)["Id"])
    finally:
        client.api.remove_container(container, force=True)
