"""The table of proposers says whose a granted wish is, where one was accepted."""

from __future__ import annotations

from typing import Any

import pytest

from ouroloop.inspect.shown.proposers import SHARED, proposers_table

WHO = {
    "name": "patch", "role": "search-patcher", "slot": "code_patcher", "asked": 2, "answered": 2, "passed": 2, "accepted": 1,
    "gain": 0.1, "seconds": 2.0, "tokens": 0, "cost_usd": 0.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "verdict", "caption"),
    [("r1-patch1", "accepted", SHARED), ("r1-patch1", "rejected", None), (None, "accepted", None)],
)
def test_an_accepted_pair_is_explained(answers: str | None, verdict: str, caption: str | None) -> None:
    document: Any = {"proposers": [WHO], "rounds": [{"candidates": [{"answers": answers, "verdict": verdict}]}]}
    table = proposers_table(document)
    assert table is not None
    assert table.caption == caption
