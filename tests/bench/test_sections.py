"""Benchmarks of several sections: each is kept when it is measured, and what is missing says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.bench.agents.suite import SECTIONS as AGENTS
from ouroloop.bench.catalogue import BENCHES, Measured, check_sections
from ouroloop.bench.gate.suite import SECTIONS as GATE
from ouroloop.bench.perception.suite import SECTIONS as PERCEPTION
from ouroloop.bench.policy.suite import SECTIONS as POLICY
from ouroloop.bench.sections import measure_sections
from ouroloop.protocols.errors import SurroundingsError, UsageError


def absent(report: object, seed: int) -> dict[str, object]:
    raise SurroundingsError("no such device")


def test_each_section_is_kept_and_a_missing_one_says_so() -> None:
    kept: list[list[str]] = []
    told: list[tuple[str, float]] = []

    def one(report: object, seed: int) -> dict[str, object]:
        report("half", 0.5)  # type: ignore[operator]
        return {"seed": seed, "machine": "left out"}

    found = measure_sections(
        {"one": one, "two": absent, "three": one},
        lambda what, share: told.append((what, share)),
        7,
        ("one", "two"),
        lambda document: kept.append([name for name in document if name in ("one", "two", "three")]),
    )
    assert kept == [["one"], ["one", "two"]]
    assert found["one"] == {"seed": 7}
    assert found["two"] == {"missing": "no such device"}
    assert told == [("one: half", 0.25)]


def test_the_catalogue_names_the_sections_that_there_are() -> None:
    assert BENCHES["agents"].sections == tuple(AGENTS)
    assert BENCHES["gate"].sections == tuple(GATE)
    assert BENCHES["perception"].sections == tuple(PERCEPTION)
    assert BENCHES["policy"].sections == tuple(POLICY)
    with pytest.raises(UsageError, match="`bench gate` has no section 'speed'; its sections are nulls"):
        check_sections("gate", ("speed",))
    with pytest.raises(UsageError, match="`bench engine`, which has none"):
        check_sections("engine", ("nulls",))


def test_sections_join_those_of_a_file_and_are_shown_as_far_as_they_are_there(tmp_path: Path) -> None:
    cost = {"pairs_median": 1, "games_ms_median": 2, "beyond_ms_median": 3, "beyond_ms_by_verdict": {}, "beyond_ms_worst": 4}
    (tmp_path / "gate.json").write_text('{"seed": 0, "seconds": {"nulls": 1}, "nulls": {"missing": "x"}}')
    found = Measured("gate", {"seed": 0, "seconds": {"cost": 2}, "cost": cost}).beside(tmp_path / "gate.json")
    assert '"nulls": 1' in found.json()
    assert len(found.tables().renderables) == 1
    found.plot(tmp_path / "gate.png")
    assert not (tmp_path / "gate.png").exists()
