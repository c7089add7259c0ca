"""`bench perception --only latent`: it trains, plays, times and shows what it says, in small."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from ouroloop.bench.perception import ground, latent
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.settings import Shape
from ouroloop.policy.sft.config import SftConfig
from tests.perception.small import train


@pytest.mark.slow
def test_every_figure_is_measured_and_told(tmp_path, monkeypatch):
    train(tmp_path / "tiny", steps=2)
    small = Shape(hidden=16, layers=1, heads=2, intermediate=16)
    monkeypatch.setattr(ground, "shipped_reader", lambda task: tmp_path / "tiny")
    config = SftConfig(teacher="early", steps=2, positions=64, dagger=1, dagger_positions=64, shape=small)
    monkeypatch.setattr(latent, "SETTINGS", {6: config})
    monkeypatch.setattr(latent, "GRPO", GrpoConfig(steps=1, truth_every=0, states=4, group=2, horizon=2, crews=1, games=4))
    monkeypatch.setattr(latent, "GAMES", 2)
    monkeypatch.setattr(latent, "DECISIONS", 3)
    found = latent.measure(lambda what, share: None, 0)
    assert json.loads(json.dumps(found)) == found
    board = found["boards"]["6"]
    assert set(board["scores"]) == set(latent.PLAYERS)
    assert board["scores"]["shipped"]["mean"] > 20 > board["scores"]["sees"]["mean"]  # it has learned nothing
    means = {name: score["mean"] for name, score in board["scores"].items()}
    assert board["share"]["sees"]["mean"] == pytest.approx(means["sees"] / means["shipped"], 1e-3)
    assert 0 < board["ms"]["median"] <= board["ms"]["p95"]
    Console(width=200, file=(shown := io.StringIO())).print(latent.table(found))
    assert "of the shipped one's, sees, asked 90%" in shown.getvalue()
