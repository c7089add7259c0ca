"""Ouroloop: a self-improving loop for game-playing policies.

One folder is one part of the architecture: `protocols` (records, ports, messages), `envs` (games), `policy` (Snake-GPT),
`rewards` (the reward-spec language), `agents` (roles), `sandbox` (screen and workers), `perception` (pixels to state),
`gate` (the statistics), `ledger` (the record), `runs` (the loop), `inspect` (reading a run), `cli` (commands), `bench`.

`__all__` is the whole public API. Each name is loaded when it is first used (PEP 562); the import itself loads no part.

    >>> import ouroloop
    >>> ouroloop.compare([0.3, 0.1, 0.4, 0.2] * 10).accepted
    True
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ouroloop.version import __version__

if TYPE_CHECKING:
    from ouroloop.face import make, run
    from ouroloop.gate.compare import Comparison, compare
    from ouroloop.inspect.report import RunReport, open_run
    from ouroloop.policy.named import load_policy
    from ouroloop.protocols.errors import OuroloopError
    from ouroloop.runs.recipe import Recipe
    from ouroloop.sandbox.choose import sandbox

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # TRL would tell its makers of every training

__all__ = [
    "Comparison",
    "OuroloopError",
    "Recipe",
    "RunReport",
    "__version__",
    "compare",
    "load_policy",
    "make",
    "open_run",
    "run",
    "sandbox",
]
_HOMES = {
    "Comparison": "gate.compare",
    "OuroloopError": "protocols.errors",
    "Recipe": "runs.recipe",
    "RunReport": "inspect.report",
    "compare": "gate.compare",
    "load_policy": "policy.named",
    "make": "face",
    "open_run": "inspect.report",
    "run": "face",
}
"""Where each name comes from. `sandbox` is the folder of that name, which can be called."""


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    from importlib import import_module

    if name == "sandbox":
        return import_module("ouroloop.sandbox")
    if name not in _HOMES:
        raise AttributeError(f"module 'ouroloop' has no attribute {name!r}; its public names are {', '.join(__all__)}")
    found = globals()[name] = getattr(import_module(f"ouroloop.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
