"""`bench encodings` from the command line: its form, and what holds of the figures on any machine."""

import json

import pytest

from ouroloop.bench.snake import encodings
from ouroloop.cli.main import call
from ouroloop.envs.snake.encodings import ENCODINGS


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(encodings, "SIZES", (6, 10))
    monkeypatch.setattr(encodings, "STEPS", 1)
    monkeypatch.setattr(encodings, "LESSONS", 4)
    monkeypatch.setattr(encodings, "GAMES", 3)
    monkeypatch.setattr(encodings, "TEACHERS", ("cycle",))


@pytest.mark.usefixtures("_small")
def test_the_encodings_figures(tmp_path, capsys):
    assert call(["bench", "encodings", "--rounds", "1", "--seconds", "0.01", "--json", "--out", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "encodings.json").read_text()) == found
    table = (tmp_path / "encodings.txt").read_text()
    ten = found["sizes"]["10"]["encodings"]
    assert list(ten) == list(ENCODINGS)
    for name, row in ten.items():
        tokens = row["tokens"]
        assert name in table
        assert tokens["min"] <= tokens["mean"] <= tokens["max"]
        assert tokens["constant"] == (tokens["deviation"] == 0) == (name in ("ascii", "bits"))
        assert row["general_tokens_least"] <= row["general_tokens"] <= row["characters"]
        assert min(row[f"{what}_per_s"] for what in ("encodes", "decodes", "decisions")) > 0
        assert row["parameters"]["smallest"] < row["parameters"]["default"] < 1_000_000
    assert ten["ascii"]["tokens"]["mean"] == 112
    assert ten["path"]["tokens"]["mean"] < 20 < ten["json"]["tokens"]["mean"] < ten["bits"]["tokens"]["mean"]
    assert ten["path"]["encodes_per_s"] > 10 * ten["path"]["decodes_per_s"]
    rows = found["learning"]["rows"]
    assert [(row["encoding"], row["teacher"]) for row in rows] == [(name, "cycle") for name in ENCODINGS]
    assert all(0 <= row["score"]["low"] <= row["score"]["mean"] <= row["score"]["high"] <= 33 for row in rows)
