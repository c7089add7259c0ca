"""The benchmark of the baselines, cut down to seconds."""

import json

import pytest

pytest.importorskip("stable_baselines3", reason="stable-baselines3 is missing: pip install 'ouroloop[baselines]'")
from ouroloop.bench.policy import baselines as policy_baselines


def test_a_row_for_each_baseline_and_board(monkeypatch):
    monkeypatch.setattr(policy_baselines, "SIZES", (5,))
    monkeypatch.setattr(policy_baselines, "TRIAL", 4096)
    monkeypatch.setattr(policy_baselines, "GAMES", 6)
    told = []
    document = json.loads(json.dumps(policy_baselines.measure(0.8, lambda *args: told.append(args))))
    assert [(row["baseline"], row["size"]) for row in document["rows"]] == [("ppo", 5), ("dqn", 5)]
    assert told == [("ppo on 5 x 5", 0.0), ("dqn on 5 x 5", 0.5)]
    for row in document["rows"]:
        assert row["moves"] >= 2048
        assert row["cpu_s"] < 3
        assert (row["sampled_score"] is not None) == (row["baseline"] == "ppo")
        assert 0 <= row["score"]["low"] <= row["score"]["mean"] <= row["score"]["high"] <= row["max_score"] == 22
        assert row["games"] == 6
    assert document["machine"]["processor"]
