"""The worker's Docker image, made without a registry: the running interpreter, the modules it loads, worker and toolkit.

Only files that a started worker has open are shipped (about 15 MB): no shell, no tool, no package. If a registry is available,
an image such as `python:slim`, named by digest, may replace the interpreter. The worker's image is named by the hash of its
sources, so it is made once.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.sandbox.docker.packing import PYTHON, pack, tar
from ouroloop.sandbox.guest import shipped

REPOSITORY = "ouroloop-sandbox"
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
    """Return the name of the worker's image; if the daemon does not have it, make it first.

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
    try:
        client.images.get(f"{REPOSITORY}:{key}")
    except ImageNotFound:
        try:
            if base:
                _build_on(client, base, files, key)
            else:
                client.api.import_image_from_data(pack(files), repository=REPOSITORY, tag=key)
        except DockerException as error:
            raise SurroundingsError(f"the Docker daemon could not make the sandbox image: {str(error)[:300]}") from error
    return f"{REPOSITORY}:{key}"


def _build_on(client: Any, base: str, files: dict[str, bytes | Path], key: str) -> None:
    """Add the worker's files to a base image, pulling it if necessary."""
    from docker.errors import ImageNotFound

    try:
        client.images.get(base)
    except ImageNotFound:
        client.images.pull(base)
    container = client.api.create_container(base, command=["true"], network_disabled=True)["Id"]
    try:
        client.api.put_archive(container, "/", tar(files))
        client.api.commit(container, repository=REPOSITORY, tag=key)
    finally:
        client.api.remove_container(container, force=True)
