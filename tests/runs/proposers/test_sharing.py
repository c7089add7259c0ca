"""Several proposers for a slot: who is asked for how much, what each has brought, and what the bandit makes of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ouroloop.bench.agents.sharing import TRUTHS, calls
from ouroloop.inspect.run import Report
from ouroloop.inspect.shown.proposers import proposers_table
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.lifecycle import create, opened, work
from ouroloop.runs.phases.start import start
from ouroloop.runs.progress import Quiet
from ouroloop.runs.proposers.credit import Credit
from ouroloop.runs.proposers.sharing import Arm, shares, thompson
from ouroloop.runs.recipe import build_recipe, recipe_toml
from tests.runs.small_run import MICRO, ROLES, document


def arms(*found: tuple[int, int, float, float]) -> list[Arm]:
    return [Arm(*one) for one in found]


def test_all_proposals_are_drawn_and_none_goes_to_an_arm_that_is_turned_off() -> None:
    drawn = thompson(np.random.default_rng(0), arms((10, 1, 0.1, 5.0), (10, 2, 0.3, 5.0)), 12, 0.03, (12, 0))
    assert drawn == (12, 0)


def test_the_same_gain_at_a_tenth_of_the_cost_is_drawn_more_often() -> None:
    drawn = thompson(np.random.default_rng(0), arms((60, 6, 0.6, 600.0), (60, 6, 0.6, 60.0)), 1000, 0.03, (1000, 1000))
    assert drawn[1] > 950


def test_the_cost_of_one_proposal_tells_who_is_cheap() -> None:
    """Nobody has won yet; the first costs a tenth of the others, and is asked about as often as all of them."""
    drawn = thompson(np.random.default_rng(0), arms((1, 0, 0.0, 6.0), *[(1, 0, 0.0, 60.0)] * 3), 4000, 0.03, (4000,) * 4)
    assert drawn[0] > 1800


def test_a_proposer_that_costs_nothing_leaves_some_to_the_others() -> None:
    drawn = thompson(np.random.default_rng(0), arms((20, 0, 0.0, 0.0), (20, 4, 0.4, 2.0)), 1000, 0.03, (1000, 1000))
    assert drawn[1] > 100


def test_one_lucky_acceptance_does_not_take_all() -> None:
    drawn = thompson(np.random.default_rng(0), arms((2, 1, 0.2, 2.0), (60, 12, 1.2, 60.0)), 1000, 0.03, (1000, 1000))
    assert drawn[1] > 100


def test_nothing_known_is_shared_evenly() -> None:
    drawn = thompson(np.random.default_rng(0), arms(*[(0, 0, 0.0, 0.0)] * 4), 4000, 0.03, (4000,) * 4)
    assert min(drawn) > 850


def test_what_an_arm_has_no_room_for_goes_to_the_others() -> None:
    known = arms((60, 20, 6.0, 60.0), (60, 0, 0.0, 60.0), (60, 0, 0.0, 60.0))
    assert thompson(np.random.default_rng(0), known, 100, 0.03, (64, 64, 0)) == (64, 36, 0)


def test_arms_that_have_never_won_a_thousand_proposals_share_evenly() -> None:
    drawn = thompson(np.random.default_rng(0), arms(*[(1000, 0, 0.0, 1000.0)] * 4), 4000, 0.03, (4000,) * 4)
    assert min(drawn) > 850


@pytest.mark.parametrize("case", ["a quick search", "a good model"])
def test_most_calls_end_where_most_gain_per_second_is(case: str) -> None:
    truth = TRUTHS[case]
    best = int(np.argmax([chance * gain / cost for chance, gain, cost in truth]))
    ended = [int(calls(truth, np.random.default_rng(seed), 40).argmax()) for seed in range(20)]
    assert ended.count(best) >= 16, ended


def several(**sharing: object) -> dict[str, object]:
    patchers = [{"use": "search-patcher", "count": 3}, {"use": f"{ROLES}:HostilePatcher", "count": 5}]
    return {**MICRO, "roles": {"reward_designer": {"count": 0}, "code_patcher": patchers}, "sharing": sharing}


def test_a_run_with_two_patchers_says_what_each_brought(tmp_path: Path) -> None:
    recipe = build_recipe(several(share="bandit"))
    create(recipe, tmp_path / "run", Quiet(notes=False))
    assert work(tmp_path / "run", Quiet(notes=False)) == "done"
    found = document(tmp_path / "run")
    search, hostile = found["proposers"]
    assert (search["name"], search["role"], hostile["name"], hostile["role"]) == (
        "patch",
        "search-patcher",
        "patch.2",
        "hostile-patcher",
    )
    assert search["asked"] + hostile["asked"] == 16
    assert hostile["passed"] < hostile["answered"]
    first = [candidate["id"] for candidate in found["rounds"][0]["candidates"]]
    assert first == [f"r1-patch{n}" for n in range(1, 9)]
    assert [one["role"] for one in found["rounds"][0]["candidates"]] == ["search-patcher"] * 3 + ["hostile-patcher"] * 5
    assert search["seconds"] > 0
    with closing(Report(tmp_path / "run")) as report:
        table = proposers_table(report.document())
    assert table is not None
    assert table.row_count == 2


def test_no_proposer_is_asked_for_more_than_a_request_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roles = {"reward_designer": {"count": 0}, "code_patcher": [{"count": 40}, {"count": 40}]}
    recipe = build_recipe({**MICRO, "roles": roles, "sharing": {"share": "bandit", "per": "candidate"}})
    create(recipe, tmp_path / "run", Quiet(notes=False))
    with opened(tmp_path / "run", Quiet(notes=False)) as run:
        start(run)
        known = [Credit(name, "", "", 80, 80, 80, won, 0.1 * won, 1.0, 0, 0.0) for name, won in (("patch", 0), ("patch.2", 60))]
        monkeypatch.setattr("ouroloop.runs.proposers.sharing.credit_by_proposer", lambda *_: known)
        assert shares(run, 2, "patch") == {"patch": 16, "patch.2": 64}


def test_a_list_of_one_is_a_table() -> None:
    listed = build_recipe({"roles": {"code_patcher": [{"count": 3}]}})
    assert listed == build_recipe({"roles": {"code_patcher": {"count": 3}}})
    assert "[roles.code_patcher]" in recipe_toml(listed)
    assert build_recipe(several()) == build_recipe(build_recipe(several()).model_dump(mode="json", exclude_none=True))


@pytest.mark.parametrize(
    ("patchers", "said"),
    [
        ([{"count": 3}, {"cuont": 2}], r"unknown key roles\.code_patcher\.2\.cuont; did you mean"),
        ([{"count": 3}, {"count": 99}], r"roles\.code_patcher\.2\.count: Input should be less than or equal to 64"),
        ({"count": 99}, r"roles\.code_patcher\.count: Input should be less"),
        ([{"count": 3}, {"count": True}], r"roles\.code_patcher\.2\.count: expected a number"),
        ([], r"roles\.code_patcher: .*at least 1"),
        ([3], r"roles\.code_patcher\.1: "),
    ],
)
def test_errors_count_tables_from_one(patchers: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_recipe({"roles": {"code_patcher": patchers}})
