"""Does what a button asks for by the command that does the same, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from ouroloop.protocols.errors import OuroloopError
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT_S: Final = 600.0
"""How long a command may take."""


def commanded(words: Sequence[str]) -> None:
    """Run a command of ours; its words come after `ouroloop`.

    Raises:
        OuroloopError: it failed, with its own last line, or it took too long.
    """
    command = [sys.executable, "-P", "-m", "ouroloop.cli", *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, cwd="/", check=False
        )
    except subprocess.TimeoutExpired:
        raise OuroloopError(f"`ouroloop {words[0]}` took longer than {LIMIT_S:.0f} s: do it on the command line") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise OuroloopError(plain_line(lines[-1].removeprefix("ouroloop: error: "), 600))
