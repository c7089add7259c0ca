"""A whole run of the second game, by its folder and an entry point alone: trained, judged, watched, rolled back, shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ouroloop
from ouroloop.cli.main import call
from ouroloop.inspect.run import Report
from ouroloop.ledger.store import Store
from ouroloop.policy.evaluation import evaluate
from ouroloop.policy.snake_gpt import create, load, save
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.lifecycle import create as create_run
from ouroloop.runs.lifecycle import work
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import Recipe, build_recipe
from tests.games.balance.encoding import BinsEncoding
from tests.games.balance.task import BalanceTask

ROLES = "tests.games.balance.roles"
RECIPE: dict[str, Any] = {
    "name": "balance",
    "seed": 2,
    "threads": 2,
    "sandbox": "wasm",
    "task": {"name": "balance"},
    "start": {"policy": "random"},
    "sft": {"shape": {"hidden": 32, "intermediate": 48}},
    "grpo": {
        "steps": 8,
        "states": 32,
        "horizon": 24,
        "crews": 3,
        "games": 16,
        "stagger": 4,
        "learning_rate": 2e-3,
        "beta": 0.0,
        "warmup": 0.0,
        "explore": 1.0,
        "truth_every": 0,
    },
    "halving": {"stages": 1},
    "gate": {"games": 64, "positions": 64, "watch_games": 16, "search_games": 16, "attribution_games": 16},
    "roles": {
        "reward_designer": {"use": f"{ROLES}:Rewarder", "count": 1},
        "code_patcher": {"use": f"{ROLES}:Steadier", "count": 1},
    },
    "budget": {"rounds": 1},
}


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Install the game as a package would: its entry point, where Python looks for packages."""
    site = tmp_path_factory.mktemp("site")
    (site / "balance-1.dist-info").mkdir()
    (site / "balance-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: balance\nVersion: 1\n")
    points = "[ouroloop.tasks]\nbalance = tests.games.balance.task:BalanceTask\n"
    (site / "balance-1.dist-info" / "entry_points.txt").write_text(points)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield


def recipe(**tables: Any) -> Recipe:
    return build_recipe({**RECIPE, **tables})


def document(folder: Path) -> dict[str, Any]:
    report = Report(folder)
    try:
        return report.document()
    finally:
        report.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One round, and another after a resume."""
    folder = tmp_path_factory.mktemp("balance") / "run"
    create_run(recipe(), folder, Quiet(notes=False))
    assert work(folder, Quiet(notes=False)) == "done"
    assert work(folder, Quiet(notes=False), ("budget.rounds=2",)) == "done"
    return folder


@pytest.mark.slow
def test_a_reward_and_a_patch_get_in_and_the_run_is_shown(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = document(run)["rounds"]
    accepted = [c["kind"] for entry in (first, second) for c in entry["candidates"] if c["verdict"] == "accepted"]
    assert accepted == ["reward", "patch"]
    assert second["incumbent"]["score"]["mean"] > first["incumbent"]["score"]["mean"]
    assert second["incumbent"]["controller"] != first["incumbent"]["controller"]
    assert second["incumbent"]["policy"] == first["incumbent"]["policy"]
    assert call(["show", str(run), "--json"]) == 0
    assert '"r2-patch1"' in capsys.readouterr().out


@pytest.mark.slow
def test_the_trained_policy_plays_better_than_the_random_one(run: Path) -> None:
    policies = [entry["incumbent"]["policy"] for entry in document(run)["rounds"]]
    trained = ouroloop.load_policy(Store(run / "artifacts").directory(policies[0]))
    assert trained.policy.encoding.settings == {"track": 2.4}
    task, seeds = BalanceTask(), np.arange(32, dtype=np.uint64)
    found = evaluate(task, trained, seeds, seed=0)
    untrained = evaluate(task, ouroloop.load_policy(_random(run)), seeds, seed=0)
    assert found.score.low > untrained.score.high
    assert set(found.to_document()["causes"]) <= set(task.causes)


def _random(run: Path) -> Path:
    """Return a random policy of the run's shape, in a directory beside the run."""
    out = run.parent / "random"
    save(create(BalanceTask(), recipe().sft.shape, 1), out)
    return out


@pytest.mark.slow
def test_what_got_in_can_be_rolled_back(run: Path) -> None:
    before = document(run)["rounds"][0]["incumbent"]
    assert call(["rollback", str(run), "r2-patch1"]) == 0
    found = document(run)["rounds"][1]["candidates"]
    assert [c["verdict"] for c in found if c["id"] == "r2-patch1"] == ["rolled_back"]
    assert (run / "workspace" / "controller.py").read_text() == BalanceTask().start_controller
    assert before["policy"] == document(run)["rounds"][1]["incumbent"]["policy"]


def test_a_game_without_teachers_says_what_to_begin_with(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'no teachers.*"random"'):
        create_run(recipe(start={}), tmp_path / "run", Quiet(notes=False))
    assert list(tmp_path.iterdir()) == []


def test_a_game_has_encodings_of_its_own_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'path' is not known: choose one of bins"):
        create_run(recipe(sft={"encoding": "path"}), tmp_path / "run", Quiet(notes=False))


def test_a_policy_keeps_the_settings_that_its_prompts_depend_on(tmp_path: Path) -> None:
    policy = create(BalanceTask(track=3.5), recipe().sft.shape, 1)
    save(policy, tmp_path / "p")
    assert isinstance(load(tmp_path / "p").encoding, BinsEncoding)
    assert load(tmp_path / "p").encoding.settings == {"track": 3.5}
    assert load(tmp_path / "p", task=BalanceTask(track=3.5, limit=7)).actions == (3, 4)
    with pytest.raises(UsageError, match=r"track 3\.5, found track 2\.4"):
        load(tmp_path / "p", task=BalanceTask())


def test_a_card_names_no_code_to_import(tmp_path: Path) -> None:
    save(create(BalanceTask(), recipe().sft.shape, 1), tmp_path / "p")
    card = tmp_path / "p" / "snake_gpt.json"
    card.write_text(card.read_text().replace('"balance"', '"tests.games.balance.task:BalanceTask"'))
    with pytest.raises(UsageError, match="is not installed"):
        load(tmp_path / "p")


def test_weights_at_random_follow_from_the_seed() -> None:
    shape = recipe().sft.shape
    one, same, other = (create(BalanceTask(), shape, seed).model.lm_head.weight for seed in (1, 1, 2))
    assert one.equal(same)
    assert not one.equal(other)


def test_a_tokenizer_reads_the_prompts_that_the_arrays_write() -> None:
    policy, seen = create(BalanceTask(), recipe().sft.shape, 1), BalanceTask().positions(1, 20).observations()
    ids, _ = policy.encode(seen)
    assert policy.tokenizer(policy.encoding.texts(seen))["input_ids"] == ids.tolist()
