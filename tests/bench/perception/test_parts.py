"""`bench perception`: its sections measure what they say on a small reader, and are shown and drawn."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.bench.growth import plot
from ouroloop.bench.perception import frames, ground, play, reader
from ouroloop.bench.perception.pictures import ACROSS
from ouroloop.bench.tables import tables
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.terminal import text_of
from tests.perception.small import train


def quiet(what: str, share: float) -> None:
    """Take reports of progress and do nothing."""


@pytest.fixture
def _small(tmp_path_factory, monkeypatch):
    """Ship a small reader, and measure little."""
    out = tmp_path_factory.mktemp("readers") / "tiny"
    train(out, steps=120)
    monkeypatch.setattr(ground, "shipped_reader", lambda task: out)
    monkeypatch.setattr(reader, "BOARDS", {4: 12, 5: 12})
    monkeypatch.setattr(reader, "CURVES", {setting: reader.CURVES[setting][-1:] for setting in reader.CURVES})
    monkeypatch.setattr(reader, "CURVE_SIZE", 5)
    monkeypatch.setattr(reader, "CURVE_BOARDS", 8)
    monkeypatch.setattr(reader, "COST_SIZES", (4, 16, 24))
    monkeypatch.setattr(reader, "COST_SECONDS", 0.02)
    monkeypatch.setattr(play, "ARMS", {5: (play.TEACHER, 3)})
    monkeypatch.setattr(play, "TIMED", 3)
    monkeypatch.setattr(play, "SPOILT", (6, "snake-gpt-6x6", 2))
    monkeypatch.setattr(play, "SPOILS", {"noise": (0.3,), "cell_px": (2,)})


@pytest.mark.usefixtures("_small")
def test_the_sections_are_measured_shown_and_drawn(tmp_path):
    found = {"reader": reader.measure(quiet, 1), "play": play.measure(quiet, 1)}
    assert set(reader.CURVES) == set(ACROSS)
    exact = found["reader"]["exact"]
    assert set(exact) == {"4", "5"}
    assert exact["5"]["clean"]["exact"] > exact["5"]["harsh camera, ember"]["exact"]
    assert exact["5"]["clean"]["low"] <= exact["5"]["clean"]["exact"] <= exact["5"]["clean"]["high"]
    assert [row["cells"] for row in found["reader"]["cost"]["rows"]] == [16, 256, 576]
    assert np.isfinite(found["reader"]["cost"]["slope"])  # of times that a busy machine decides
    clean, shaken = found["play"]["rows"]
    assert clean["json"] == shaken["json"] > 3
    assert clean["read_exactly"] > shaken["read_exactly"]
    assert clean["ratio"]["low"] <= clean["ratio"]["mean"] <= clean["ratio"]["high"]
    spoilt = found["play"]["spoilt"]
    assert [(row["setting"], row["value"]) for row in spoilt[:2]] == [("noise", 0.3), ("cell_px", 2)]
    assert all(0 <= row["ratio"]["low"] <= row["ratio"]["mean"] <= row["ratio"]["high"] for row in spoilt)
    document = {"seed": 1, "machine": {"processor": "a processor"}, **found, "frames": {"missing": "nothing"}}
    text = text_of(tables("perception", document))
    assert "boards read exactly" in text
    assert "greedy" in text
    plot("perception", document, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_frames_are_counted(monkeypatch):
    monkeypatch.setattr(frames, "BOARDS", 8)
    monkeypatch.setattr(frames, "ROUNDS", 1)
    monkeypatch.setattr(frames, "SECONDS", 0.01)
    found = frames.measure(quiet, 0)
    assert found["pixels"] == 84
    assert found["frames_per_cpu_s"]["drawn"] > found["frames_per_cpu_s"]["default camera"] > 0
    assert "per second of one core" in text_of(frames.table(found))


def test_without_a_shipped_reader_a_section_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(ground, "shipped_reader", lambda task: None)
    with pytest.raises(SurroundingsError, match="no reader ships for snake"):
        reader.measure(quiet, 0)


def test_a_ratio_of_equal_scores_is_one_without_spread():
    same = np.array([3, 9, 4])
    assert play.ratio(same, same, 0) == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert play.ratio(np.array([0, 0]), np.array([2, 2]), 0)["high"] == 0
