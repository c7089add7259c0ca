"""Serve one model with vLLM until the process that started this one is gone. Run by path, in an environment of its own.

Arguments: the parent's process number, then those of vLLM's server. The key of the endpoint comes in `VLLM_API_KEY`.
"""

import os
import runpy
import signal
import sys
import threading
import time


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)  # the engine is a process of its own in this group


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    sys.argv = ["vllm", *sys.argv[2:]]
    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__")
