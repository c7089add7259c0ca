"""What bounds over a run leave: clear effects are named, clear harm is found and blamed, and equal states stand."""

from __future__ import annotations

import pytest

from ouroloop.bench.gate.bounded import naming, watching


def test_clear_effects_are_named_and_rare_losses_are_no_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "CASES", ((0.2, 0.2),))
    monkeypatch.setattr(naming, "GAMES", (96,))
    clear, rare, *later = naming.measure(repetitions=40)
    assert (clear["named"], rare["named"]) == (1, 0)
    assert rare["effect"] < 0
    assert len(later) == 2


def test_a_harm_alone_is_found_in_time_and_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "CASES", {"none": (0.0, 0, 1)})
    monkeypatch.setattr(watching, "HARM", 0.1)
    early, late = watching.measure(runs=4)
    assert late["found"] == 1 >= early["found"]
    assert watching.equal_states(runs=1) == 0
