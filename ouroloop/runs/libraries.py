"""Silence what libraries say to their own developers: it would stand between results, or on stdout."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path


def silence() -> None:
    """Silence the libraries that speak unasked, in this process and its children."""
    warnings.simplefilter("ignore", FutureWarning)  # transformers' notes
    logging.getLogger("stevedore").setLevel(logging.CRITICAL)  # bandit's optional report formats
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # optional kernels that it did not find
    if not Path("/dev/nvidiactl").exists():
        # Where DeepSpeed is installed accelerate imports it, and it says on stdout which accelerator it chose.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
