"""What a run has used, and what it cost."""

from __future__ import annotations

from pathlib import Path

from ouroloop.agents.settings import Roles
from ouroloop.ledger.sqlite import Ledger
from ouroloop.runs.budget import Totals, prices, totals


def test_a_kind_of_candidate_has_the_price_of_the_role_that_proposes_it(tmp_path: Path) -> None:
    price = prices(Roles.model_validate({"code_patcher": {"usd_per_million_tokens": 3.0}}))
    assert price == {"reward": 0.0, "patch": 3.0}
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    for kind in price:
        ledger.record(
            f"0/propose/{kind}/chat/0", "chat.complete", {}, {"text": "", "tokens_in": 900_000, "tokens_out": 100_000}
        )
    used = totals(ledger, price)
    assert (used.tokens, used.cost_usd) == (2_000_000, 3.0)


def test_a_run_that_was_made_and_never_opened_has_used_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    assert totals(ledger, {}) == Totals(games=0, tokens=0, cost_usd=0.0, wall_s=0.0)
