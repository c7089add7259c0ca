"""How kernels are compiled and where the compiled code is kept, for every game and model."""

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
    """Keep compiled kernels in a folder named by a hash of all sources of the games, unless the user set `NUMBA_CACHE_DIR`.

    Numba recompiles a kernel when its own file changes, but not when another file changes whose kernels were inlined into
    it. Besides, a package may be installed in a folder that cannot be written.
    """
    if not numba.config.CACHE_DIR:
        sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        numba.config.CACHE_DIR = str(home / "ouroloop" / "kernels" / hashlib.sha256(sources).hexdigest()[:16])


def kernel(function: Function) -> Function:
    """Compile with numba, cached on disk and without the interpreter lock; the types are those of the source.

    A kernel must allocate nothing: it is compiled without numba's memory management.
    """
    _use_own_cache()
    return cast(Function, njit(cache=True, nogil=True, _nrt=False)(function))


def inlined(function: Function) -> Function:
    """Compile like `kernel`, and inline into every caller: for code that runs at each move."""
    _use_own_cache()
    return cast(Function, njit(cache=True, nogil=True, _nrt=False, forceinline=True)(function))


def allocating_kernel(function: Function) -> Function:
    """Compile like `kernel`, but with memory management: for code that creates arrays."""
    _use_own_cache()
    return cast(Function, njit(cache=True, nogil=True)(function))
