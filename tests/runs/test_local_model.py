"""A run whose designer and patcher are a real language model on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.inspect.run import Report
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from tests.runs.small_run import micro


@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("server", "count"), [("local", 2), pytest.param("vllm", 6, marks=pytest.mark.vllm)])
def test_a_run_ends_with_a_small_model_and_every_exchange_is_on_record(
    tmp_path: Path, local_model: str, server: str, count: int
) -> None:
    settings = {"model": f"{server}:{local_model}", "count": count, "max_tokens": 48, "timeout_s": 300, "repairs": 1}
    overrides = [f"roles.{role}.{k}={v}" for role in ("code_patcher", "reward_designer") for k, v in settings.items()]
    folder = tmp_path / "r"
    lifecycle.create(micro("budget.rounds=1", *overrides), folder, Quiet(notes=False))
    ended = lifecycle.work(folder, Quiet(notes=False))
    report = Report(folder)
    shown, steps = report.document(), list(report.ledger.steps(methods=("chat.complete",)))
    report.close()
    assert ended == "done", [one["lost"] for one in shown["rounds"][0]["asked"]]
    asked = [one for one in shown["rounds"][0]["asked"] if one["slot"] != "critic"]
    assert sum(one["count"] for one in asked) == len(steps) >= 1
    assert all(step.error is None for step in steps)
    assert shown["totals"]["tokens"] == sum(one["tokens"] for one in asked) > 100
    assert all(candidate["reason"] for candidate in shown["rounds"][0]["candidates"])
