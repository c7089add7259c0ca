"""Which server answers for a local model: vLLM, which answers twenty at once, where it is installed; else llama.cpp."""

from __future__ import annotations

from ouroloop.agents.local.catalog import LLAMA, VLLM
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.vllm_environment import vllm_python


def served(model: str) -> str:
    """Return a local model as a recipe names it."""
    try:
        vllm_python()
    except SurroundingsError:
        return f"{LLAMA}{model}"
    return f"{VLLM}{model}"
