"""How kernels are compiled and where they are kept, whatever game or model they belong to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numba
from numba import njit
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array inside a kernel, where numba infers the scalar types."""
Function = TypeVar("Function", bound=Callable[..., object])


@cache
def _use_own_cache() -> None:
    """Keep compiled kernels in a folder named by all sources of the games, unless the user chose one (`NUMBA_CACHE_DIR`).

    Numba renews a kernel when its own file changes, but not when one does whose kernels were compiled into it; and a
    package may be installed where nothing can be written.
    """
    if not numba.config.CACHE_DIR:
        sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        numba.config.CACHE_DIR = str(home / "ouroloop" / "kernels" / hashlib.sha256(sources).hexdigest()[:16])


def kernel(function: Function) -> Function:
    """Compile with numba, cached on disk and without the interpreter lock; the types stay those of the source.

    A kernel must allocate nothing: it is compiled without numba's memory management.
    """
    _use_own_cache()
    return cast(Function, njit(cache=True, nogil=True, _nrt=False)(function))


def inlined(function: Function) -> Function:
    """Compile like `kernel`, and into every caller: for what runs at each move."""
    _use_own_cache()
    return cast(Function, njit(cache=True, nogil=True, _nrt=False, forceinline=True)(function))


def allocating_kernel(function: Function) -> Function:
    """Compile like `kernel`, with memory management: for what makes arrays of its own."""
    _use_own_cache()
    return cast(Function, njit(cache=True, nogil=True)(function))
