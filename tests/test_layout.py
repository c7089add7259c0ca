"""The house: how many modules stand side by side, and what crosses the borders of its rooms."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import ouroloop

PACKAGE = Path(ouroloop.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
SIDE_BY_SIDE = 15


def test_no_folder_holds_more_modules_than_one_can_survey() -> None:
    held = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in MODULES)
    assert len(held) > 20
    assert {folder: count for folder, count in held.items() if count > SIDE_BY_SIDE} == {}
