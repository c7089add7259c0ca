"""Policies by name: those in the package, in `shipped/NAME/`, and any other by its directory."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from ouroloop.hub import CONFIG
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import did_you_mean


def shelf() -> Path:
    """Return the folder of the policies that ship with the package."""
    return Path(str(resources.files("ouroloop.policy"))) / "shipped"


def shipped_policies() -> tuple[str, ...]:
    """Return the names of the policies that ship with the package."""
    return tuple(sorted(mark.parent.name for mark in shelf().glob(f"*/{CONFIG}")))


def find_policy(name_or_dir: str) -> Path:
    """Return the directory of a policy.

    Args:
        name_or_dir: a name of `shipped_policies`, or else a directory; `./NAME` means the directory if both exist.

    Raises:
        UsageError: there is neither; the message lists the shipped names, the nearest first.
    """
    names = shipped_policies()
    if name_or_dir in names:
        return shelf() / name_or_dir
    path = Path(name_or_dir)
    if path.is_dir():
        return path
    hint = did_you_mean(name_or_dir, names)
    listed = f"the shipped policies are {', '.join(names)}" if names else "this installation ships no policies"
    raise UsageError(f"policy {name_or_dir!r} is no directory and no shipped policy; {hint}{listed}")
