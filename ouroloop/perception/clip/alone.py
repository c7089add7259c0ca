"""Calling open_clip without its side effects: no network, no global random numbers, nothing on the console."""

from __future__ import annotations

import contextlib
import logging
import warnings
from typing import TYPE_CHECKING

from huggingface_hub import constants

from ouroloop.perception.clip.small import seeded

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def alone(seed: int = 0) -> Iterator[None]:
    """Keep what runs inside off the network and the console, and give it random numbers of its own.

    open_clip, transformers and timm reach the network through `huggingface_hub`, which asks this constant at each request.
    open_clip logs to the root logger, and logging sets up a handler for a root that has none: it gets one for the while.
    """
    online, disabled = constants.HF_HUB_OFFLINE, logging.root.manager.disable
    silent = logging.NullHandler()
    logging.root.addHandler(silent)
    logging.disable(logging.ERROR)
    constants.HF_HUB_OFFLINE = True
    try:
        with warnings.catch_warnings(), seeded(seed):
            warnings.simplefilter("ignore")
            yield
    finally:
        constants.HF_HUB_OFFLINE = online
        logging.disable(disabled)
        logging.root.removeHandler(silent)
