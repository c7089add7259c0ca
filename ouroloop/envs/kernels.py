"""How kernels are compiled and where the compiled code is kept, for every game and model."""

from __future__ import annotations

import atexit
import hashlib
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar, cast

import numba
from numba import njit
from numba.core import event
from numba.core.caching import IndexDataCacheFile
from numpy.typing import NDArray

from ouroloop.cached import cache_root, own_folder, read_own
from ouroloop.protocols.errors import SurroundingsError

log = logging.getLogger(__name__)

Array: TypeAlias = NDArray[Any]
"""An array inside a kernel, where numba infers the scalar types."""
Function = TypeVar("Function", bound=Callable[..., object])
COMPILING = "compiling kernels, once, about 60 s in all on a free machine; later commands take them from the cache"
_HASH_BYTES = hashlib.sha256().digest_size


@cache
def _use_own_cache() -> None:
    """Keep compiled kernels in a folder named by a hash of all sources of the games, unless the user set `NUMBA_CACHE_DIR`.

    Numba recompiles a kernel when its own file changes, but not when another file changes whose kernels were inlined into
    it. Besides, a package may be installed in a folder that cannot be written. Numba unpickles what it finds there, which
    can run any code: a folder that others can write is left alone, and this process and its children use a fresh one.
    """
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
    try:
        if numba.config.CACHE_DIR:
            folder = str(own_folder(Path(numba.config.CACHE_DIR).absolute(), "NUMBA_CACHE_DIR"))
        else:
            folder = str(own_folder(cache_root() / "kernels" / hashlib.sha256(sources).hexdigest()[:16]))
    except SurroundingsError as error:
        folder = tempfile.mkdtemp(prefix="ouroloop-kernels-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        log.warning("%s. Until then kernels are compiled anew at each start, which takes a minute", error)
        os.environ["NUMBA_CACHE_DIR"] = folder
    numba.config.CACHE_DIR = folder


class _SealedFiles(IndexDataCacheFile):  # type: ignore[misc]  # numba has no types
    """Numba's cache files, each with the SHA-256 of its content at its end, which `pickle` does not read.

    A file that is not ours, or whose content has another hash, is not read: the kernel is compiled again and takes its place.
    """

    def _load_index(self) -> Any:
        return super()._load_index() if _is_sealed(self._index_path) else {}

    def _load_data(self, name: str) -> Any:
        if not _is_sealed(self._data_path(name)):
            raise OSError(name)  # numba takes it for a file that has been removed
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[IO[bytes]]:
        with super()._open_for_write(filepath) as file:
            content = io.BytesIO()
            yield content
            file.write(content.getvalue() + hashlib.sha256(content.getvalue()).digest())
            Path(file.name).chmod(0o600)


def _is_sealed(path: str) -> bool:
    """Tell whether a cache file is there, ours and whole; the log says if it is there and is not so."""
    try:
        data = read_own(Path(path))
        if data[-_HASH_BYTES:] != hashlib.sha256(data[:-_HASH_BYTES]).digest():
            raise ValueError("its content is not what was recorded")
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        log.warning("the compiled kernel %s is damaged or not ours (%s): it is compiled again", path, error)
        return False
    return True


def compiled(function: Function, **options: object) -> Function:
    """Compile with numba under more of its options, cached on disk and without the interpreter lock."""
    _use_own_cache()
    dispatcher: Any = njit(cache=True, nogil=True, **options)(function)
    kept = getattr(dispatcher, "_cache", None)  # there is none where NUMBA_DISABLE_JIT is set
    if kept is not None:
        kept._cache_file = _SealedFiles(kept.cache_path, kept._impl.filename_base, kept._impl.locator.get_source_stamp())
    return cast(Function, dispatcher)


@contextmanager
def telling_of_compiling(tell: Callable[[str], None]) -> Iterator[None]:
    """Say once, if a kernel has to be compiled in the block; nothing is said of kernels that come from the cache."""
    with event.install_listener("numba:compile", _First(tell)):
        yield


class _First(event.Listener):  # type: ignore[misc]  # numba has no types
    """Tells of the first compilation."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._told = tell, False

    def on_start(self, event: object) -> None:
        """Tell, unless that was done."""
        if not self._told:
            self._told = True
            self._tell(COMPILING)

    def on_end(self, event: object) -> None:
        """Nothing."""


def kernel(function: Function) -> Function:
    """Compile with numba, cached on disk and without the interpreter lock; the types are those of the source.

    A kernel must allocate nothing: it is compiled without numba's memory management.
    """
    return compiled(function, _nrt=False)


def inlined(function: Function) -> Function:
    """Compile like `kernel`, and inline into every caller: for code that runs at each move."""
    return compiled(function, _nrt=False, forceinline=True)


def allocating_kernel(function: Function) -> Function:
    """Compile like `kernel`, but with memory management: for code that creates arrays."""
    return compiled(function)
