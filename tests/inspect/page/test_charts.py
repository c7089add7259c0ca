"""Charts: where their marks lie, what they say, and that nothing in them can be more than text."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from ouroloop.inspect.page.charts import bars, evidence, lineage, scores, spark
from ouroloop.inspect.page.charts.axes import Scale, decimals, ticks
from ouroloop.inspect.page.charts.svg import tag

SVG = "{http://www.w3.org/2000/svg}"


def drawn(markup: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(markup))


def marks(root: ElementTree.Element, kind: str = "mark") -> list[ElementTree.Element]:
    return [one for one in root.iter(f"{SVG}circle") if kind in (one.get("class") or "").split()]


def point(round: float, mean: float | None, **more: object) -> scores.Point:
    low, high = (None, None) if mean is None else (mean - 1, mean + 1)
    return scores.Point(round, mean, low, high, f"/r/{round:g}", f"round {round:g}", **more)  # type: ignore[arg-type]


def test_scores_lie_where_their_values_say_and_lead_to_their_rounds() -> None:
    root = drawn(
        scores.scores([point(0, 3), point(1, 9, accepted=1), point(2, 9, rejected=2), point(3, 6, rolled_back=1)], "scores")
    )
    found = marks(root)
    ys = [float(one.get("cy") or 0) for one in found]
    xs = [float(one.get("cx") or 0) for one in found]
    assert ys[0] > ys[3] > ys[1] == ys[2]  # higher scores lie higher
    assert xs == sorted(xs)
    assert math.isclose(xs[1] - xs[0], xs[3] - xs[2], abs_tol=0.02)
    assert [one.get("class") for one in found] == ["mark won", "mark won", "mark same", "mark back"]
    links = [one.get("href") for one in root.iter(f"{SVG}a")]
    assert {"/r/0", "/r/1", "/r/2", "/r/3"} == set(links)
    assert root.get("role") == "group"
    assert root.find(f"{SVG}title") is not None


def test_what_became_of_candidates_is_stacked_below() -> None:
    root = drawn(scores.scores([point(1, 9, accepted=1, rejected=3, lost=2)], "scores"))
    found = {one.get("class"): float(one.get("height") or 0) for one in root.iter(f"{SVG}rect")}
    assert set(found) == {"won", "lose", "gone"}
    assert found["lose"] > found["gone"] > found["won"] > 0


def test_a_round_that_was_not_scored_is_no_mark_but_its_candidates_are_shown() -> None:
    root = drawn(scores.scores([point(0, 3), point(1, None, rejected=1)], "scores"))
    assert len(marks(root)) == 1
    assert len(list(root.iter(f"{SVG}rect"))) == 1


def test_long_runs_are_drawn_with_few_marks_and_lose_no_event() -> None:
    many = [point(n, 5 + n % 7, accepted=int(n % 100 == 0), rejected=1) for n in range(2000)]
    root = drawn(scores.scores(many, "scores"))
    assert len(marks(root)) == 20
    assert len(list(root.iter(f"{SVG}rect"))) <= 2 * scores.MOST_POINTS
    (curve,) = root.iter(f"{SVG}polyline")
    assert len((curve.get("points") or "").split()) == 2000


def test_nothing_is_drawn_of_nothing() -> None:
    assert scores.scores([], "") == spark.spark([1.0], "") == evidence.evidence([], 1.0, "") == bars.intervals([], "") == ""
    assert lineage.lineage([], [], "") == ""


def test_evidence_crosses_its_bar_where_the_e_value_does() -> None:
    bar = math.log(20)
    pairs = [evidence.Pair(n, 0.5 * n, (-1) ** n * 0.1, f"/p/{n}") for n in range(1, 9)]
    root = drawn(evidence.evidence(pairs, bar, "evidence"))
    (line,) = [one for one in root.iter(f"{SVG}line") if one.get("class") == "bar"]
    above = [float(one.get("cy") or 0) < float(line.get("y1") or 0) for one in marks(root)]
    assert above == [pair.log_e > bar for pair in pairs]
    assert [one.get("class") for one in marks(root)] == ["mark lose", "mark won"] * 4
    assert [one.get("href") for one in root.iter(f"{SVG}a")] == [f"/p/{n}" for n in range(1, 9)]


def test_an_interval_is_green_only_if_all_of_it_is_above_zero() -> None:
    rows = [
        bars.Bar("up", 0.2, 0.1, 0.3),
        bars.Bar("open", 0.1, -0.1, 0.3),
        bars.Bar("down", -0.2, -0.3, -0.1),
        bars.Bar("bare", 0.4),
    ]
    assert [one.get("class") for one in marks(drawn(bars.intervals(rows, "x")))] == [
        "mark won",
        "mark same",
        "mark lose",
        "mark same",
    ]


def test_the_graph_shows_what_stands_and_what_was_undone() -> None:
    nodes = [
        lineage.Node("start", "s", "3.0", None, "start", True, False, None),
        lineage.Node("r1-a", "a", "5.0", "/a", "patch", False, False, 0),
        lineage.Node("r2-b", "b", "6.0", "/b", "reward", True, True, 0),
    ]
    root = drawn(lineage.lineage(nodes, [(1, 0)], "builds"))
    builds = marks(root, "build")
    assert [one.get("class") for one in builds] == ["build won", "build back", "build now"]
    assert float(builds[1].get("cy") or 0) > float(builds[0].get("cy") or 0)  # what fell lies below the line
    assert [one.get("class") for one in root.iter(f"{SVG}path")].count("undo") == 1


HOSTILE = '"><script>alert(1)</script>&\x1b[31m\u202e'


def test_a_hostile_text_stays_text() -> None:
    for markup in (
        tag("a", HOSTILE, href=HOSTILE),
        bars.intervals([bars.Bar(HOSTILE, 0.1, 0.0, 0.2, HOSTILE)], HOSTILE),
        lineage.lineage([lineage.Node(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, True, True, None)], [], HOSTILE),
    ):
        assert "<script" not in markup
        assert "\x1b" not in markup
        assert "\u202e" not in markup
        assert drawn(markup if "xmlns" in markup else Markup("<svg>{}</svg>").format(markup)) is not None


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9))
def test_ticks_are_round_within_the_range_and_told_apart(low: float, span: float, count: int) -> None:
    high = low + span
    found = ticks(low, high, count)
    assert all(low - span * 1e-6 <= value <= high + span * 1e-6 for value in found)
    assert len(found) <= 3 * count + 1
    places = decimals(found)
    if places < 6 and len(found) > 1:
        assert len({f"{value:.{places}f}" for value in found}) == len(found)


@pytest.mark.parametrize(("value", "place"), [(0, 0), (10, 100), (5, 50), (1e9, 102), (-1e9, -2)])
def test_a_scale_is_linear_and_holds_strays_near_its_ends(value: float, place: float) -> None:
    assert Scale(0, 10, 0, 100)(value) == pytest.approx(place)
