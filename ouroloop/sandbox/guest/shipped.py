"""The modules that travel into a sandbox: standard library only, imported there by their bare names."""

from __future__ import annotations

from pathlib import Path

MODULES = ("worker", "wire", "values", "constants", "depth", "rewrite")


def sources(*more: str) -> dict[str, str]:
    """Return name -> source of the worker's modules, and of others beside them."""
    return {name: Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in (*MODULES, *more)}
