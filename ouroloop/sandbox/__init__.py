"""Screen and sandboxes: from a model's text to a controller that answers batches and reaches nothing else.

The package can be called: `ouroloop.sandbox("wasm", task)` is `choose.sandbox`. As soon as any module of this package is
loaded, the import system binds `sandbox` in `ouroloop` to the package, so it would overwrite a function of that name.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Sandbox, Task
    from ouroloop.sandbox.choose import Name
    from ouroloop.sandbox.limits import Limits


class _Callable(ModuleType):
    """This package, callable as a context manager that yields a sandbox."""

    def __call__(self, kind: Name, task: Task, *, limits: Limits | None = None) -> AbstractContextManager[Sandbox]:
        """See `choose.sandbox`."""
        from ouroloop.sandbox.choose import sandbox

        return sandbox(kind, task, limits=limits)


sys.modules[__name__].__class__ = _Callable
