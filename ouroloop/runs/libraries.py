"""Silences messages that libraries print for their own developers, which would mix with our results."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path


def silence() -> None:
    """Silence the libraries that print unasked, in this process and its children."""
    warnings.simplefilter("ignore", FutureWarning)  # transformers' notes
    logging.getLogger("stevedore").setLevel(logging.CRITICAL)  # bandit's optional report formats
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # optional kernels that it did not find
    if not Path("/dev/nvidiactl").exists():
        # If DeepSpeed is installed, accelerate imports it, and it prints on stdout which accelerator it chose.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
