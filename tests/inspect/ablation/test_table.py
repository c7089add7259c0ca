"""What an ablation says: the tables at 80 columns, a sentence per arm, the picture."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ouroloop.inspect.ablation.axes import Vary
from ouroloop.inspect.ablation.comparing import compare, main_effects
from ouroloop.inspect.ablation.design import arm_settings
from ouroloop.inspect.ablation.document import FIGURES, Ablation, Plan, Probed, VariedRun
from ouroloop.inspect.ablation.picture import _arms, _effects, plot
from ouroloop.inspect.ablation.table import sentences, tables

UNPROBED = dict.fromkeys(FIGURES)


def document(
    scores: dict[str, list[float]],
    digests: str = "",
    vary: Vary | None = None,
    plan: Plan = "factorial",
    *,
    probed: bool = False,
) -> Ablation:
    """Return an ablation with these utilities per arm; arms named in `digests` share the first one's digests."""
    vary = {"key": tuple(scores)} if vary is None else vary
    own: Probed = {**UNPROBED, "memory_mb": 300.0, "read_errors": 0.25, "decisions_per_s": 1234.5} if probed else UNPROBED
    runs: list[VariedRun] = [
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
            "tokens": 7000,
            **own,
        }
        for arm, values in scores.items()
        for seed, value in enumerate(values)
    ]
    arms, seeds, settings = list(scores), len(next(iter(scores.values()))), arm_settings(vary, plan)
    return {
        "vary": " x ".join(vary),
        "plan": plan,
        "values": arms,
        "settings": settings,
        "measure": "utility",
        "seeds": seeds,
        "runs": runs,
        "comparison": compare(runs, arms, "utility"),
        "effects": main_effects(runs, settings, vary, plan, "utility"),
    }


FACTORIAL: Vary = {"perception": ("json", "vision"), "count": ("0", "2")}
UTILITIES = ([0.5, 0.6, 0.4], [0.52, 0.6, 0.45], [0.3, 0.42, 0.2], [0.31, 0.44, 0.19])


def factorial(probed: bool = False) -> Ablation:
    """Return an ablation of two keys in which seeing costs a fifth."""
    scores = dict(zip(arm_settings(FACTORIAL, "factorial"), UTILITIES, strict=True))
    return document(scores, vary=FACTORIAL, probed=probed)


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


def test_names_are_text_and_no_markup():
    found = document({"[bold]": [0.1, 0.4], "[/x]\x1b[31m": [0.2, 0.3]})
    text = printed(found, 80) + "".join(sentences(found))
    assert "[bold]" in text
    assert text.count("[/x]") == 3
    assert "\x1b" not in text


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


def test_main_effects_have_a_table_and_sentences():
    found = factorial()
    text = " ".join(printed(found, 100).split())
    assert "main effects on utility" in text
    assert "vision (not json)" in text
    effects = [line for line in sentences(found) if "over all other keys" in line]
    assert effects[0] == "perception=vision over all other keys: utility is lower than with json"
    assert effects[1].startswith("count=2 over all other keys: no difference shown")


def test_one_at_a_time_the_baseline_is_spelled_out():
    arms = arm_settings(FACTORIAL, "one-at-a-time")
    found = document(dict(zip(arms, UTILITIES, strict=False)), vary=FACTORIAL, plan="one-at-a-time")
    assert sentences(found)[0] == "baseline: perception=json, count=0"
    assert "main effects" not in printed(found, 100)


def test_probes_have_tables_and_what_was_not_measured_is_left_out():
    found = factorial(probed=True)
    assert len(tables(found)) == 5
    text = " ".join(printed(found, 200).split())
    assert "25.0%" in text
    assert "1,234" in text
    assert "7,000" in text
    assert len(tables(document({"a": [0.1, 0.2], "b": [0.3, 0.3]}))) == 2, "without a probe there is nothing to show"
    for width in (60, 80):
        assert "…" not in printed(found, width)
        assert max(map(len, printed(found, width).splitlines())) <= width


@pytest.mark.parametrize(
    "found",
    [
        document({"a": [0.1, 0.4], "$b": [0.2, 0.3], "c\x1b[31m" + 40 * "c": [0.3, 0.1]}),
        document({"a": [0.1], "b": [0.2]}),
        document({"a": [0.5, 0.5], "b": [0.5, 0.5]}),
        factorial(),
    ],
    ids=["odd names", "one seed", "no spread", "factorial"],
)
def test_the_picture_is_drawn(found, tmp_path):
    plot(found, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_rows_of_the_picture_can_be_told_apart():
    """A dozen arms of keys with like names and long values."""
    vary: Vary = {
        "roles.code_patcher.count": ("0", "2", "4"),
        "roles.reward_designer.count": ("0", "1"),
        "perception": ("a", "b"),
    }
    arms = arm_settings(vary, "factorial")
    found = document({arm: [0.1, 0.2] for arm in arms}, vary=vary)
    block, effects = _arms(found), _effects(found)
    assert block.head == ("code_patcher.count", "reward_designer.count", "perception")
    assert len({row.label for row in block.rows}) == len(arms) == 12
    assert [row.bold for row in block.rows[:2]] == [(True, True, True), (False, False, True)]
    assert block.comparisons == 11
    assert len(effects[0].rows) == 4
