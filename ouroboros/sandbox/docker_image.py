"""The worker's Docker image, made without a registry: the running interpreter, the modules it loads, worker and toolkit.

Only files that a started worker has open are shipped (about 15 MB): no shell, no tool, no package. The image is named by the
hash of what it is made from, so it is imported once.
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

from ouroboros.protocols.canonical import content_hash
from ouroboros.protocols.errors import SurroundingsError
from ouroboros.sandbox import shipped

REPOSITORY = "ouroboros-sandbox"
FORMAT = 2
"""Raised when the image's layout changes."""
PYTHON = "/python/bin/python3"
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


def command(memory_mb: int, pipes: tuple[str, ...]) -> list[str]:
    """Return the container's command: shut in, then serve frames on these named pipes, or without them on stdio."""
    return [PYTHON, "-I", "-S", "-B", "-c", START.format(memory_mb, pipes)]


def ensure_image(client: Any, toolkit_source: str) -> str:
    """Return the name of the worker's image, importing it first where the daemon has none.

    Raises:
        SurroundingsError: the interpreter cannot be packed or the daemon refuses the image.
    """
    from docker.errors import APIError, ImageNotFound

    modules = shipped.sources("lockdown") | {"toolkit": toolkit_source}
    key = content_hash([FORMAT, sys.version, sys.base_prefix, modules])
    name = f"{REPOSITORY}:{key[:32]}"
    try:
        client.images.get(name)
    except ImageNotFound:
        files = {f"{module}.py": source.encode() for module, source in modules.items()}
        try:
            client.api.import_image_from_data(_pack(files), repository=REPOSITORY, tag=key[:32])
        except APIError as error:
            raise SurroundingsError(f"the Docker daemon refused the sandbox image: {error}") from error
    return name


def _pack(sources: dict[str, bytes]) -> bytes:
    """Return a root file system as a tar."""
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
    files |= {f"/worker/{name}": data for name, data in sources.items()}
    return _tar(files)


def _loaded(interpreter: Path) -> list[Path]:
    """Return the files of the modules that a worker loads."""
    call = [str(interpreter), "-I", "-S", "-B", "-c", _PROBE, str(Path(__file__).parent)]
    done = subprocess.run(call, env={}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SurroundingsError(f"the interpreter {interpreter} cannot be packed for Docker: {done.stderr[-500:]}")
    paths = [Path(name).resolve() for name in json.loads(done.stdout)]
    return [path for path in paths if path.parent != Path(__file__).parent]


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
        for folder in sorted({*folders, "/tmp", "/proc", "/dev", "/sys"}):  # noqa: S108 (paths inside the image)
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, content in sorted(files.items()):
            data = content if isinstance(content, bytes) else content.read_bytes()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), 0o555 if path.startswith("/python/bin") or ".so" in path else 0o444
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
