"""The contents of the worker's image: the interpreter, the modules that the worker loads, and their libraries, as a tar."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.guest import shipped

PYTHON = "/python/bin/python3"
_PROBE = """\
import json, sys
sys.path.insert(0, sys.argv[1])
sys.modules["toolkit"] = sys
import init, lockdown, worker
sys.path.pop(0)
print(json.dumps([m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)]))
"""


def pack(worker: dict[str, bytes | Path]) -> bytes:
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
    return tar(files | worker)


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
    """Return the shared libraries and the loader that binaries need, according to `ldd`."""
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    found = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE)
    if not found:
        raise SurroundingsError(f"ldd names no libraries of {binaries[0]}; the Docker sandbox needs a dynamic glibc Python")
    return [Path(name) for name in sorted(set(found))]


def tar(files: dict[str, bytes | Path]) -> bytes:
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
