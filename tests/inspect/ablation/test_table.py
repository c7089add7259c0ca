"""What an ablation says: the tables at 80 columns, a sentence per arm, the picture."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ouroloop.inspect.ablation.document import Ablation
from ouroloop.inspect.ablation.picture import plot
from ouroloop.inspect.ablation.running import compare
from ouroloop.inspect.ablation.table import sentences, tables


def document(scores: dict[str, list[float]], digests: str = "") -> Ablation:
    """Return an ablation with these utilities per arm; arms named in `digests` share the first one's digests."""
    runs = [
        {
            "run": f"{arm}-{seed}",
            "value": arm,
            "seed": seed,
            "utility": value,
            "score": 30 * value,
            "win_rate": 0.0,
            "path_optimality": 0.5,
            "start": 0.1,
            "digest": f"{'' if arm in digests else arm}{seed}",
            "status": "done",
        }
        for arm, values in scores.items()
        for seed, value in enumerate(values)
    ]
    arms, seeds = list(scores), len(next(iter(scores.values())))
    rows = compare(runs, arms, "utility")
    return {"vary": "key", "values": arms, "measure": "utility", "seeds": seeds, "runs": runs, "comparison": rows}


def printed(found: Ablation, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    for table in tables(found):
        console.print(table)
    return console.export_text()


def test_runs_with_the_same_seed_are_pairs_and_one_measure_has_intervals():
    rows = compare(document({"json": [0.1, 0.4, 0.3], "vision": [0.2, 0.5, 0.5]})["runs"], ["json", "vision"], "utility")
    assert [row["measure"] for row in rows][::2] == ["utility", "score", "win_rate", "path_optimality"]
    found = rows[1]
    assert found["difference"] == pytest.approx(0.4 / 3)
    assert found["low"] < 0 < found["high"]
    assert all(row["low"] is None for row in rows if row["measure"] != "utility" or row["value"] == "json")


def test_more_arms_make_wider_intervals():
    scores = {"a": [0.1, 0.4, 0.3], "b": [0.2, 0.5, 0.5], "c": [0.2, 0.5, 0.5]}
    two, three = (
        next(row for row in document(part)["comparison"] if row["value"] == "b")
        for part in ({k: scores[k] for k in "ab"}, scores)
    )
    assert three["high"] - three["low"] > two["high"] - two["low"]


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("arm", ["vision", "task.size=8, gate.games=96, start.policy=a/rather/long/path/to/a/policy"])
def test_nothing_is_cut_off_at_any_width(width, arm):
    text = printed(document({"json": [0.1, 0.4, 0.3], arm: [0.2, 0.5, 0.5]}), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "+0.133" in text
    squeezed = "".join(text.split()).replace("│", "")
    assert "lookslike" not in squeezed
    assert "0.267" in text


@pytest.mark.parametrize(
    ("vision", "said"),
    [
        ([0.2, 0.5, 0.5], "no difference shown; one of +0.133 would need about 4 seeds"),
        ([0.60, 0.91, 0.80], "utility is higher than json's"),
        ([0.2, 0.5, 0.4], "no interval, since all 3 differences are equal"),
        ([0.1, 0.4, 0.3], "the same utility as json with every seed"),
    ],
)
def test_each_arm_gets_a_sentence(vision, said):
    [line] = sentences(document({"json": [0.1, 0.4, 0.3], "vision": vision}))
    assert said in line


def test_a_setting_without_effect_and_a_single_seed_are_said():
    [line] = sentences(document({"json": [0.1, 0.4], "vision": [0.1, 0.4]}, digests="json vision"))
    assert "had no effect" in line
    [line] = sentences(document({"json": [0.1], "vision": [0.9]}))
    assert line.startswith("one seed: no interval")
    assert "none" in printed(document({"json": [0.1], "vision": [0.9]}), 80)


def test_a_run_that_its_budget_stopped_is_named():
    found = document({"json": [0.1, 0.4], "vision": [0.2, 0.3]})
    found["runs"][3]["status"] = "stopped"
    assert sentences(found)[-1].endswith("vision-1")


def test_the_picture_is_drawn(tmp_path):
    plot(document({"a": [0.1, 0.4], "$b": [0.2, 0.3], "c": [0.3, 0.1]}), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
