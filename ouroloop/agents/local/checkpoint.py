"""Checkpoints that vLLM loads, unpacked once from the weights in the cache."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from typing import Final

from ouroloop.agents.local.catalog import Weights
from ouroloop.agents.local.weights import place, whole
from ouroloop.cached import is_sound, new_entry
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.vllm_environment import REMEDY, vllm_python, vllm_settings

UNPACK_S: Final = 900
TAIL: Final = 5
"""Number of lines of what a failed unpacking said that the error shows."""

log = logging.getLogger(__name__)


def checkpoint(weights: Weights, threads: int) -> Path:
    """Return the folder of a model's weights in bf16, unpacked unless it is there: about 2 bytes a parameter.

    Raises:
        SurroundingsError: the weights are not here, or unpacking failed; the message ends with the last lines that it said.
    """
    entry = place(weights).parent.with_name(f"{place(weights).parent.name}-bf16")
    if is_sound(entry):
        return entry
    source = whole(weights)
    log.info("%s is unpacked for vLLM, which takes a minute and happens once", weights.name)
    with new_entry(entry) as half:
        command = [str(vllm_python()), str(Path(__file__).with_name("unpack.py")), str(source), str(half), weights.template]
        try:
            done = subprocess.run(
                command, env=vllm_settings(threads), capture_output=True, text=True, timeout=UNPACK_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise SurroundingsError(f"{weights.name} was not unpacked within {UNPACK_S} s; try again") from None
        if done.returncode:
            said = "\n".join(done.stderr.splitlines()[-TAIL:])
            raise SurroundingsError(f"{weights.name} could not be unpacked for vLLM; {REMEDY}:\n{said}")
    return entry
