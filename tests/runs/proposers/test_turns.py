"""A role that needs several replies of its model for a proposal is asked for fewer proposals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ouroloop.protocols.errors import UsageError
from ouroloop.runs.lifecycle import create
from ouroloop.runs.progress import Quiet
from ouroloop.runs.proposers.turns import most_proposals
from tests.runs.small_run import micro

AGENT = '{use="agent-patcher", model="openai:x", base_url="http://localhost:1", count=9, config={turns=32}}'


class Role:
    def __init__(self, turns: Any) -> None:
        self.turns = turns


@pytest.mark.parametrize(("turns", "most"), [(1, 64), (4, 64), (32, 8), (64, 4), ("many", 64), (True, 64), (1 << 20, 64)])
def test_one_question_asks_for_as_many_proposals_as_the_most_replies_allow(turns: Any, most: int) -> None:
    assert most_proposals(Role(turns)) == most  # type: ignore[arg-type]


@pytest.mark.parametrize(("patchers", "place"), [(AGENT, ""), (f"[{{count=2}}, {AGENT}]", ".2")])
def test_a_recipe_that_would_ask_a_model_too_often_is_refused(patchers: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        create(micro(f"roles.code_patcher={patchers}"), tmp_path / "r", Quiet(notes=False))
    assert str(caught.value) == (
        f"roles.code_patcher{place}: count = 9 with turns = 32 asks its model up to 288 times for one question, at most 256 "
        "are allowed: lower one of them"
    )
