"""A run against a server that sends every described reply ends, names the outcome of each, and counts every token once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ouroloop.inspect.run import Report
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from tests.agents.replies import Answer, Server, cases, of_case
from tests.runs.small_run import micro

USD_PER_MILLION = 3.0


def charged(answer: Answer) -> int:
    """Return the tokens that an answer says it used; none if a client cannot read it."""
    try:
        body = gzip.decompress(answer.body) if "Content-Encoding" in answer.headers else answer.body
        return int(json.loads(body).get("usage", {}).get("total_tokens", 0))
    except (OSError, ValueError, RecursionError):
        return 0


@pytest.mark.parametrize(("kind", "slot", "other"), [
    ("patch", "code_patcher", "reward_designer"), ("reward", "reward_designer", "code_patcher"),
])  # fmt: skip
def test_each_reply_has_an_outcome_in_show(
    kind: str, slot: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    known = [case for case in cases() if case["role"] == kind]
    sent: list[Answer] = []

    def script(body: dict[str, Any], number: int) -> Answer:
        sent.append(of_case(known[number % len(known)])(body, 1))
        return sent[-1]

    folder = tmp_path / "r"
    with Server(script) as server:
        settings = {
            "model": "openai:scripted", "base_url": server.url, "count": len(known), "repairs": 0, "timeout_s": 20,
            "usd_per_million_tokens": USD_PER_MILLION, "config.retries": 0, "config.parallel": 1,
        }  # fmt: skip
        overrides = [f"roles.{slot}.{key}={value}" for key, value in settings.items()]
        lifecycle.create(micro("budget.rounds=1", f"roles.{other}.count=0", *overrides), folder, Quiet(notes=False))
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        questions = len(server.asked)
    report = Report(folder)
    shown = report.document()
    report.close()
    (asked,) = [one for one in shown["rounds"][0]["asked"] if one["slot"] == slot]
    candidates = shown["rounds"][0]["candidates"]
    assert len(candidates) + len(asked["lost"]) == len(known) == asked["count"]
    assert all(one["reason"] for one in asked["lost"])
    assert all(one["verdict"] != "pending" and one["reason"] for one in candidates)
    refused = [one for one in candidates if one["layer"] in ("text", "bytes", "path", "ast", "schema")]
    assert len(refused) >= sum(case["should"] == "refuse" for case in known)
    assert len(asked["lost"]) == sum(case["should"] == "fail" for case in known)
    assert asked["tokens"] == shown["totals"]["tokens"] == sum(map(charged, sent))
    assert asked["cost_usd"] == shown["totals"]["cost_usd"] == round(asked["tokens"] * USD_PER_MILLION / 1e6, 6)
    assert questions >= len(known)
