"""The bandit layer: the linter is used as a library, and its errors count as findings.

On its own, bandit passes most hostile programs, so it comes after the allow-list as a second opinion (docs/security.md).
`# nosec` is ignored, and a file that bandit skips (because it could not parse it, or a plug-in crashed) is refused.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from ouroloop.protocols.errors import CandidateFault

HARMLESS = frozenset({"B101", "B104", "B105", "B106", "B107", "B108", "B110", "B112"})
"""Findings that are harmless here: `assert`, `except ...: pass` or `continue`, strings like an address, a password."""


@cache
def _config() -> Any:
    """Return bandit's default configuration; the first import of bandit and its plug-ins costs a fifth of a second."""
    from bandit.core.config import BanditConfig

    # A file that bandit cannot read is reported by the fault below; its own log lines would only repeat that.
    logging.getLogger("bandit").setLevel(logging.CRITICAL)
    return BanditConfig()


def check_bandit(source: str) -> None:
    """Refuse a source that bandit finds fault with or cannot read.

    Raises:
        CandidateFault: layer "bandit".
    """
    config = _config()
    from bandit.core.manager import BanditManager

    manager = BanditManager(config, "file", quiet=True, ignore_nosec=True)
    with tempfile.TemporaryDirectory(prefix="ouroloop-") as folder:
        path = Path(folder, "controller.py")
        path.write_text(source, encoding="utf-8", newline="\n")
        manager.files_list = [str(path)]
        with warnings.catch_warnings():  # bandit parses too, and the parser's warnings would reach the host's own output
            warnings.simplefilter("ignore")
            manager.run_tests()
    if manager.skipped or manager.files_list != [str(path)]:
        raise CandidateFault("bandit", f"bandit could not read the source: {manager.skipped[0][1] if manager.skipped else ''}")
    for issue in manager.results:
        if issue.test_id not in HARMLESS:
            raise CandidateFault("bandit", f"line {issue.lineno}: {issue.test_id} {issue.text}")
