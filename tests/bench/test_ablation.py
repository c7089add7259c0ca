"""`bench ablation`: the intervals of `ablate` cover what they say, and A/A ablations show no difference."""

import json

import pytest

from ouroloop.bench import ablation
from ouroloop.cli.main import call


@pytest.mark.parametrize("case", ["normal", "utilities", "unequal spreads"])
@pytest.mark.parametrize(("arms", "seeds"), [(2, 2), (2, 5), (4, 3)])
def test_intervals_cover_and_equal_arms_show_no_difference(case, arms, seeds, monkeypatch):
    monkeypatch.setattr(ablation, "CASES", {case: ablation.CASES[case]})
    monkeypatch.setattr(ablation, "LIMITS", {})
    monkeypatch.setattr(ablation, "ARMS", (arms,))
    monkeypatch.setattr(ablation, "SEEDS", (seeds,))
    monkeypatch.setattr(ablation, "RESAMPLES", 100)
    [row] = ablation.measure(lambda *_: None, seed=1, ablations=3000)["rows"]
    assert 0.93 <= row["coverage"] <= 0.97
    assert 0.93 <= row["aa_no_difference"] <= 0.97
    assert row["aa_bootstrap_over_seeds"] < 0.9, "the bench can tell an interval that holds too seldom"
    assert row["aa_games_as_units"] < 0.9


def test_the_command_prints_a_table_or_json(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(ablation, "CASES", {"normal": ablation.CASES["normal"]})
    monkeypatch.setattr(ablation, "SEEDS", (3,))
    monkeypatch.setattr(ablation, "ABLATIONS", 500)
    assert call(["bench", "ablation", "--json"]) == 0
    assert {row["case"] for row in json.loads(capsys.readouterr().out)["rows"]} == {"normal", *ablation.LIMITS}
    assert call(["bench", "ablation", "--out", str(tmp_path)]) == 0
    assert "beyond its limits" in capsys.readouterr().out
    assert (tmp_path / "ablation.json").is_file()
