"""The worker's Docker image, made without a registry: the running interpreter, the modules it loads, worker and toolkit.

Only files that a started worker has open are shipped (about 15 MB): no shell, no tool, no package. If a registry is at
hand, an image such as `python:slim`, named by digest, may stand in for the interpreter. The worker's image bears the
hash of its sources, so it is made once.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.sandbox.guest import shipped

REPOSITORY = "ouroloop-sandbox"
FORMAT = 2
"""Raised when the image's layout changes."""
PYTHON = "/python/bin/python3"
PYTHON_OF_BASE = "python3"
BY_DIGEST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]*@sha256:[0-9a-f]{64}")
START = """\
import sys
sys.path.insert(0, '/worker')
import lockdown, worker
worker.serve(lambda: lockdown.confine(address_mb={}), {})
"""
_PROBE = """\
import json, sys
sys.path.insert(0, sys.argv[1])
sys.modules["toolkit"] = sys
import lockdown, worker
sys.path.pop(0)
print(json.dumps([m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)]))
"""


def command(memory_mb: int, pipes: tuple[str, ...], python: str = PYTHON) -> list[str]:
    """Return the container's command: shut in, then serve frames on these named pipes, or without them on stdio."""
    return [python, "-I", "-S", "-B", "-c", START.format(memory_mb, pipes)]


def ensure_image(client: Any, toolkit_source: str, base: str = "") -> str:
    """Return the name of the worker's image, making it first where the daemon has none.

    Args:
        client: of the daemon.
        toolkit_source: source of the `toolkit` module.
        base: an image with a Python to build on, by digest (`python@sha256:...`), instead of the running interpreter.

    Raises:
        UsageError: the base is not named by digest.
        SurroundingsError: the interpreter cannot be packed, the base cannot be had, or the daemon refuses the image.
    """
    from docker.errors import DockerException, ImageNotFound

    if base and not BY_DIGEST.fullmatch(base):
        raise UsageError(f"sandbox_image = {base!r} is not named by digest; write NAME@sha256: and 64 hexadecimal digits")
    modules = shipped.sources("lockdown") | {"toolkit": toolkit_source}
    key = content_hash([FORMAT, base or [sys.version, sys.base_prefix], modules])[:32]
    files: dict[str, bytes | Path] = {f"/worker/{module}.py": source.encode() for module, source in modules.items()}
    try:
        client.images.get(f"{REPOSITORY}:{key}")
    except ImageNotFound:
        try:
            if base:
                _build_on(client, base, files, key)
            else:
                client.api.import_image_from_data(_pack(files), repository=REPOSITORY, tag=key)
        except DockerException as error:
            raise SurroundingsError(f"the Docker daemon could not make the sandbox image: {str(error)[:300]}") from error
    return f"{REPOSITORY}:{key}"


def _build_on(client: Any, base: str, files: dict[str, bytes | Path], key: str) -> None:
    """Add the worker's files to a base image, pulled if need be."""
    from docker.errors import ImageNotFound

    try:
        client.images.get(base)
    except ImageNotFound:
        client.images.pull(base)
    container = client.api.create_container(base, command=["true"], network_disabled=True)["Id"]
    try:
        client.api.put_archive(container, "/", _tar(files))
        client.api.commit(container, repository=REPOSITORY, tag=key)
    finally:
        client.api.remove_container(container, force=True)


def _pack(worker: dict[str, bytes | Path]) -> bytes:
    """Return a root file system as a tar: the running interpreter and the worker's files."""
    interpreter = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    modules = _loaded(interpreter)
    standard = Path(os.__file__).resolve().parent
    where = f"/python/lib/{standard.name}"
    files: dict[str, bytes | Path] = {PYTHON: interpreter}
    for module in {*modules, standard / "os.py"}:
        if module.is_relative_to(standard):
            files[f"{where}/{module.relative_to(standard).as_posix()}"] = module
        else:
            files[f"{where}/{module.name}"] = module
    for library in _libraries([interpreter, *(m for m in modules if m.suffix == ".so")]):
        files[str(library)] = library.resolve()
    return _tar(files | worker)


def _loaded(interpreter: Path) -> list[Path]:
    """Return the files of the modules that a worker loads."""
    guest = Path(shipped.__file__).parent
    call = [str(interpreter), "-I", "-S", "-B", "-c", _PROBE, str(guest)]
    done = subprocess.run(call, env={}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SurroundingsError(f"the interpreter {interpreter} cannot be packed for Docker: {done.stderr[-500:]}")
    paths = [Path(name).resolve() for name in json.loads(done.stdout)]
    return [path for path in paths if path.parent != guest]


def _libraries(binaries: list[Path]) -> list[Path]:
    """Return the shared libraries, and the loader, that binaries need, as `ldd` tells."""
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    found = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE)
    if not found:
        raise SurroundingsError(f"ldd names no libraries of {binaries[0]}; the Docker sandbox needs a dynamic glibc Python")
    return [Path(name) for name in sorted(set(found))]


def _tar(files: dict[str, bytes | Path]) -> bytes:
    """Return a tar of absolute paths, all owned by root and readable by all."""
    out = io.BytesIO()
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents if str(parent) != "/"}
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in sorted({*folders, "/channel", "/tmp", "/proc", "/dev", "/sys"}):  # noqa: S108 (paths inside the image)
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, content in sorted(files.items()):
            data = content if isinstance(content, bytes) else content.read_bytes()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), 0o555 if path.startswith("/python/bin") or ".so" in path else 0o444
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
