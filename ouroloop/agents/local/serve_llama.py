"""Serve one model with llama.cpp until the process that started this one is gone. Run by path, in an environment of its own.

Arguments: the parent's process number, then those of `llama_cpp.server`. The key of the endpoint comes in `LLAMA_API_KEY`.
"""

import os
import sys
import threading
import time


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    from llama_cpp.server.__main__ import main  # type: ignore[import-not-found,unused-ignore]

    sys.argv = ["llama_cpp.server", *sys.argv[2:], "--api_key", os.environ["LLAMA_API_KEY"]]
    main()
