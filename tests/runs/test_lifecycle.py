"""Making a run directory: what is told when it cannot be made."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ouroloop.ledger.faults import DiskFull, disk_full
from ouroloop.protocols.errors import UsageError
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from tests.runs.small_run import micro


def no_folder(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_ledger(path: Path, *_: Any) -> Any:
    raise disk_full(path)


@pytest.mark.parametrize(("name", "fails"), [("whole_directory", no_folder), ("Ledger", no_ledger)])
def test_a_disk_that_fills_up_as_a_run_is_made_names_no_run_to_resume(
    name: str, fails: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, name, fails)
    with pytest.raises(DiskFull) as said:
        lifecycle.create(micro(), tmp_path / "run", Quiet(notes=False))
    assert str(said.value) == f"no room left on the disk of {tmp_path}: free some, then start again"
    assert list(tmp_path.iterdir()) == []


def test_a_limit_of_money_that_comes_later_needs_a_price_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    lifecycle.create(micro("roles.code_patcher.model=openai:no-such-model"), folder, Quiet(notes=False))
    with (
        pytest.raises(UsageError, match=r"no price of openai:no-such-model is known"),
        lifecycle.opened(folder, Quiet(notes=False), ("budget.cost_usd=1",)),
    ):
        pass
