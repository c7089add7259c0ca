"""What a run has used, and what it cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.agents.settings import Roles
from ouroloop.bench.gate.arena import arena, controller
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import tokens
from ouroloop.protocols.prices import Price, Tokens
from ouroloop.runs import graph
from ouroloop.runs.budget import ROUNDS_DONE, Spending, Totals, prices, spending, spent_up, totals
from ouroloop.runs.context import Run


def test_a_kind_of_candidate_has_the_price_of_the_role_that_proposes_it(tmp_path: Path) -> None:
    price = prices(Roles.model_validate({"code_patcher": {"usd_per_million_tokens": 3.0}}))
    assert price == {"reward": Price(), "patch": Price(3.0, 3.0, 3.0, 3.0), "diagnose": Price()}
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    for kind in price:
        ledger.record(
            f"0/propose/{kind}/chat/0", "chat.complete", {}, {"text": "", "tokens_in": 900_000, "tokens_out": 100_000}
        )
    used = totals(ledger, price)
    assert (used.tokens, used.cost_usd) == (3_000_000, 3.0)


def test_each_kind_of_tokens_has_a_price_of_its_own(tmp_path: Path) -> None:
    usd = {"tokens": 2.0, "cached": 0.5, "written": 8.0, "stored": 2.5}
    table = {f"usd_per_million_{kind}": price for kind, price in usd.items()}
    price = prices(Roles.model_validate({"code_patcher": table}))
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    said = {"text": "", "tokens_in": 1_000, "tokens_out": 200, "finish": "length", "cached": 600, "stored": 100}
    ledger.record("1/propose/patch/chat/0/0", "chat.complete", {}, said)
    ledger.record("1/repair/patch/1/chat/0/0", "chat.complete", {}, said)
    assert totals(ledger, price).cost_usd == 2 * (300 * 2.0 + 600 * 0.5 + 200 * 8.0 + 100 * 2.5) / 1e6
    assert tokens(ledger, "1/propose/patch") == Tokens(300, 600, 200, 100)


def test_a_run_that_was_made_and_never_opened_has_used_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    assert totals(ledger, {}) == Totals(games=0, tokens=0, cost_usd=0.0, wall_s=0.0)


def spend(ledger: Ledger, round: int, tokens: int) -> None:
    ledger.record(f"{round}/propose/patch/chat/0", "chat.complete", {}, {"text": "", "tokens_in": tokens, "tokens_out": 0})


def stop_before(run: Run, round: int) -> str:
    return spent_up(run, round, spending(run.ledger, prices(run.recipe.roles)))


def test_a_round_that_would_pass_the_budget_is_not_begun(tmp_path: Path) -> None:
    with arena(tmp_path / "run", controller(), seed=1) as run:
        budget = run.recipe.budget.model_copy(update={"tokens": 10_000})
        run.recipe = run.recipe.model_copy(update={"budget": budget})
        assert stop_before(run, 0) == ""  # what the first round will take is unknown
        spend(run.ledger, 0, 3_000)
        spend(run.ledger, 1, 4_000)
        found = stop_before(run, 2)
        assert "another round would pass budget.tokens (3000 of 10000 are left, and a round has taken 4000)" in found
        assert "--set budget.tokens=MORE" in found
        run.recipe = run.recipe.model_copy(update={"budget": budget.model_copy(update={"tokens": 11_000})})
        assert stop_before(run, 2) == ""
        spend(run.ledger, 2, 4_000)
        assert "budget.tokens is spent (11000 of 11000)" in stop_before(run, 3)


def test_money_is_foreseen_like_tokens(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    spend(ledger, 0, 1_000_000)
    spend(ledger, 1, 500_000)
    assert spending(ledger, {"patch": Price(3.0, 3.0, 3.0, 3.0)}).dearest == {"tokens": 1_000_000, "cost_usd": 3.0}


def test_what_was_used_is_added_up_once_before_each_round_and_not_after_each_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []

    def counted(ledger: Ledger, price: dict[str, Price]) -> Spending:
        passes.append(1)
        return spending(ledger, price)

    monkeypatch.setattr(graph, "spending", counted)
    monkeypatch.setattr(graph, "PHASES", dict.fromkeys(graph.PHASES, lambda run, round: None))
    monkeypatch.setattr(graph, "start", lambda run: None)
    with arena(tmp_path / "run", controller(), seed=1) as run:
        run.recipe = run.recipe.model_copy(update={"budget": run.recipe.budget.model_copy(update={"rounds": 3})})
        assert graph.run_rounds(run) == ROUNDS_DONE
        assert len(passes) == 4
        assert graph.run_rounds(run) == ROUNDS_DONE  # a run that is resumed with nothing left
