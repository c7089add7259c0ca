"""vLLM's own environment: it needs other versions of our dependencies, so it never shares ours. `make vllm` creates `.vllm`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ouroloop.child_server import environment_python

VARIABLE: Final = "OUROLOOP_VLLM_PYTHON"
PLACE: Final = Path(".vllm/bin/python")
STEP_S: Final = 3600
"""How long the engine may take for one step. It ends itself otherwise, and two slow cores read twenty prompts for minutes."""
REMEDY: Final = "rebuild its environment (`make vllm`) if it is damaged"


def vllm_python() -> Path:
    """Return the interpreter of vLLM's environment.

    Raises:
        SurroundingsError: there is none.
    """
    return environment_python("vLLM", VARIABLE, PLACE, "vllm")


def vllm_settings(threads: int, cache_gib: int = 1) -> dict[str, str]:
    """Return the environment of a process that runs vLLM: no network, no usage statistics, and no use of others' cores.

    Args:
        threads: number of cores.
        cache_gib: GiB for keys and values; by default vLLM takes half of the memory.
    """
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_CPU_KVCACHE_SPACE": str(cache_gib),
        "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": str(STEP_S),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
