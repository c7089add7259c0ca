"""Recipe, ledger, store and workspace: what a run is made of, and how each says that it cannot be."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from ouroloop.inspect.ablation.axes import read_axes
from ouroloop.ledger.faults import is_full
from ouroloop.ledger.parts import require_own
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.start import SCORE
from ouroloop.ledger.store import Store
from ouroloop.ledger.workspace import Revision, Workspace
from ouroloop.protocols.canonical import sha256
from ouroloop.protocols.errors import LedgerError, UsageError
from ouroloop.protocols.messages import Diagnosis
from ouroloop.protocols.records import Estimate
from ouroloop.runs.recipe import MAX_RECIPE, Recipe, build_recipe, load_recipe, read_recipe, recipe_toml

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.rglob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_recipe_is_read_and_survives_being_saved(path: Path, tmp_path: Path) -> None:
    recipe = build_recipe(read_axes(path)[0])
    saved = tmp_path / "recipe.toml"
    saved.write_text(recipe_toml(recipe))
    assert load_recipe(saved) == recipe


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"seeds": 1}, "unknown key seeds; did you mean seed?"),
        ({"gate": {"aplha": 0.1}}, "unknown key gate.aplha; did you mean gate.alpha?"),
        ({"rounds": 3}, "unknown key rounds; did you mean budget.rounds?"),
        ({"gate": {"alpha": 2}}, "gate.alpha"),
        ({"perception": "ears"}, "perception"),
        ({"roles": {"code_patcher": {"modle": "x"}}}, "did you mean roles.code_patcher.model?"),
    ],
)
def test_a_wrong_recipe_is_one_line_that_names_the_key(tree: dict, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(tree)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_read_as_a_recipe_is_a_file_of_a_size_that_a_run_can_be_resumed_with(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UsageError, match=r"recipe .*fifo cannot be read: fifo is no regular file"):
        load_recipe(tmp_path / "fifo")
    (tmp_path / "large").write_text("#" * (MAX_RECIPE + 1))
    with pytest.raises(UsageError, match=r"recipe .*large cannot be read: large has .* at most 1048576 are read"):
        load_recipe(tmp_path / "large")
    (tmp_path / "recipe.toml").write_text("#" * MAX_RECIPE)
    assert load_recipe(tmp_path / "recipe.toml") == read_recipe(tmp_path)


def test_a_value_nested_too_deeply_is_told_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"--set task.size: the value is nested too deeply"):
        build_recipe({}, (f"task.size={'[' * 100_000}",))


def test_overrides_win_and_bare_words_are_strings() -> None:
    recipe = build_recipe({"seed": 1, "task": {"size": 6}}, ("seed=2", "task.size=8", "perception=vision", "gate.alpha=0.01"))
    assert (recipe.seed, recipe.task.own.size, recipe.perception, recipe.gate.alpha) == (2, 8, "vision-reader", 0.01)
    with pytest.raises(UsageError, match="key=value"):
        build_recipe({}, ("seed",))


def test_a_step_is_done_once_and_its_result_outlives_the_process(tmp_path: Path) -> None:
    path, calls = tmp_path / "ledger.sqlite", []
    for _ in range(2):
        ledger = Ledger(path, "write" if path.exists() else "create")
        result = ledger.once("0/gate/c1", "gate.judge", {"a": 1}, lambda: calls.append(1) or {"x": len(calls)})
        assert result == {"x": 1}
        ledger.close()
    assert calls == [1]


@pytest.mark.parametrize(
    ("method", "params", "says"),
    [
        ("gate.judge", {"a": 2}, ["0/gate/c1", '{"a":1}', '{"a":2}']),
        ("gate.spend", {"a": 1}, ["0/gate/c1", "method gate.judge", "method gate.spend"]),
    ],
)
def test_a_known_key_asked_for_as_another_step_is_an_error_at_once(
    tmp_path: Path, method: str, params: dict[str, int], says: list[str]
) -> None:
    ledger, calls = Ledger(tmp_path / "ledger.sqlite", "create"), []
    ledger.once("0/gate/c1", "gate.judge", {"a": 1}, lambda: "first")
    with pytest.raises(LedgerError) as caught:
        ledger.once("0/gate/c1", method, params, lambda: calls.append(1))
    assert all(text in str(caught.value) for text in says)
    assert calls == []
    assert ledger.once("0/gate/c1", "gate.judge", {"a": 1}, lambda: "second") == "first"


def test_the_error_shows_long_params_where_they_differ(tmp_path: Path) -> None:
    ledger, source = Ledger(tmp_path / "ledger.sqlite", "create"), "x" * 5000
    ledger.once("k", "m", {"source": source + "old"}, lambda: 1)
    with pytest.raises(LedgerError) as caught:
        ledger.once("k", "m", {"source": source + "new"}, lambda: 1)
    assert 'xxold"}' in str(caught.value)
    assert 'xxnew"}' in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    ("params", "result", "error"),
    [({"a": 2}, [1.5], None), ({"a": 1}, [2.5], None), ({"a": 1}, None, {"code": 1, "message": "no"})],
)
def test_a_step_is_not_recorded_over_one_that_differs(
    tmp_path: Path, params: dict[str, int], result: object, error: dict[str, object] | None
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    ledger.record("k", "m", {"a": 1}, (1.5,))
    ledger.record("k", "m", {"a": 1}, [1.5])
    with pytest.raises(LedgerError, match="step k "):
        ledger.record("k", "m", params, result, error)
    (step,) = ledger.steps()
    assert (step.params, step.result, step.error) == ({"a": 1}, [1.5], None)


def test_the_digest_is_of_what_happened_not_of_when_or_in_which_order(tmp_path: Path) -> None:
    digests = []
    for name, order in (("a", "xy"), ("b", "yx")):
        ledger = Ledger(tmp_path / name, "create")
        for key in order:
            ledger.record(key, "m", {}, {"key": key})
        ledger.event("note", {"run": name})
        digests.append(ledger.digest())
    assert digests[0] == digests[1]
    ledger.record("z", "m", {}, None, {"code": 1, "message": "no"})
    assert ledger.digest() != digests[0]


def test_a_damaged_ledger_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(LedgerError, match="is damaged"):
        Ledger(path)
    path.unlink()
    Ledger(path, "create").close()
    data = bytearray(path.read_bytes())
    data[100:1500] = b"\xff" * 1400
    path.write_bytes(bytes(data))
    with pytest.raises(LedgerError, match="is damaged"):
        Ledger(path)


@pytest.mark.parametrize("number", ["9" * 400, 10**400, "1e999", "nan", "0.5", True, None])
def test_a_number_of_a_result_is_a_number(tmp_path: Path, number: object) -> None:
    measures = {"score": {"mean": 1, "low": 0.5, "high": 1.5}, "win_rate": 0.0, "path_optimality": 1.0, "utility": 0}
    with closing(Ledger(tmp_path / "ledger.sqlite", "create")) as ledger:
        ledger.record("start/score", "policy.evaluate", {}, {"played": 3, "measures": measures})
        ledger.record("other", "policy.evaluate", {}, {"played": 3, "measures": {**measures, "utility": number}})
        assert SCORE.read(ledger).measures.score == Estimate(1.0, 0.5, 1.5)
        with pytest.raises(LedgerError, match=r"step other: measures\.utility: "):
            replace(SCORE, text="other").read(ledger)


def test_findings_and_whole_results_are_held_to_it_too(tmp_path: Path) -> None:
    facts = Diagnosis(games=1, score=1, score_low=0, score_high=2, utility=0, win_rate=0, deaths={}, regret={}, avoidable=0)
    with closing(Ledger(tmp_path / "ledger.sqlite", "create")) as ledger:
        ledger.record("start/score", "policy.evaluate", {}, None)
        with pytest.raises(LedgerError, match="expected a result"):
            SCORE.read(ledger)
    with pytest.raises(ValidationError, match="finite"):
        Diagnosis.model_validate_json(facts.model_dump_json().replace('"deaths":{}', f'"deaths":{{"wall":{10**400}}}'))


def test_another_version_and_no_ledger_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="not a run directory"):
        Ledger(tmp_path / "ledger.sqlite")
    Ledger(tmp_path / "ledger.sqlite", "create").close()
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    db.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    db.commit()
    with pytest.raises(LedgerError, match="version 99"):
        Ledger(tmp_path / "ledger.sqlite")


def test_a_changed_artifact_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "artifacts")
    digest = store.put_text("def act(): ...")
    assert store.text(digest) == "def act(): ..."
    (store.folder / digest).write_text("def act(): evil")
    with pytest.raises(LedgerError, match="was changed"):
        store.text(digest)
    with pytest.raises(LedgerError, match="is missing"):
        store.text("0" * 64)


def test_a_kept_text_that_is_no_text_is_damage(tmp_path: Path) -> None:
    store = Store(tmp_path / "artifacts")
    store.put_text("")
    digest = sha256(b"\xff\xfe")
    (store.folder / digest).write_bytes(b"\xff\xfe")
    with pytest.raises(LedgerError, match=f"{digest} is damaged .it is no text"):
        store.text(digest)


def test_commits_are_reproducible_and_a_repeated_one_is_none(tmp_path: Path) -> None:
    heads = []
    for name in "ab":
        workspace = Workspace(tmp_path / name)
        workspace.create("one\n", "{}", "p0")
        head = workspace.commit("two\n", "{}", "p0", "Accept c1", 1)
        assert workspace.commit("two\n", "{}", "p0", "Accept c1", 1) == head
        heads.append(head)
    assert heads[0] == heads[1]


def test_a_merge_puts_one_change_on_top_of_another_or_says_that_it_cannot(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.create("x\n", "{}", "p0")
    base = "a\nb\nc\nd\ne\n"
    assert workspace.merged(base, base.replace("a", "A"), "A\nb\nc\nd\nE\n") == "a\nb\nc\nd\nE\n"
    assert workspace.merged("1\n", "2\n", "3\n") is None
    assert workspace.merged(base, base, base) == base
    both = [("1" + "\n=\n=\n=\n1" * 200).replace("1", digit) for digit in "123"]
    assert workspace.merged(*both) is None
    with pytest.raises(LedgerError, match=r"git merge-file failed in .* binary"):
        workspace.merged("1\0\n", "2\n", "3\0\n")
    assert workspace.changes() == []


def test_the_default_recipe_is_complete() -> None:
    assert Recipe().roles.code_patcher[0].use == "search-patcher"


def test_a_workspace_is_made_anew_from_the_record_whatever_lies_there(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    first = workspace.create("a\n", "{}", "p0")
    second = workspace.commit("b\n", "{}", "p0", "Accept c1\n\nwhy \x1b[31m\x00", 1)
    workspace.commit("c\n", "{}", "p0", "Accept c2", 2)
    (tmp_path / "w" / ".git" / "index.lock").touch()
    (tmp_path / "w" / ".git" / "config").write_text("no configuration")
    record = [
        Revision("a\n", "{}", "p0", "Start", first),
        Revision("b\n", "{}", "p0", "Accept c1\n\nwhy \x1b[31m\x00", second),
    ]
    workspace.rebuild(record)
    assert (tmp_path / "w" / "controller.py").read_text() == "b\n"
    assert workspace.changes() == []
    assert workspace.commit("b\n", "{}", "p0", "nothing", 9) == second
    with pytest.raises(LedgerError, match=r"change 1 makes commit [0-9a-f]{12}, but commit '[0-9a-f]{12}' is recorded"):
        workspace.rebuild([record[0], replace(record[1], controller="x\n")])
    assert workspace.commit("b\n", "{}", "p0", "nothing", 9) == second
    workspace.rebuild([])
    assert [p.name for p in tmp_path.iterdir()] == []
    with pytest.raises(LedgerError, match="is missing"):
        workspace.changes()


def test_what_means_a_full_disk_and_what_does_not() -> None:
    assert is_full(OSError(errno.ENOSPC, "No space left on device"))
    assert is_full(shutil.Error([("a", "b", "[Errno 28] No space left on device")]))
    assert not is_full(FileNotFoundError(errno.ENOENT, "No such file", "fullmoon"))
    assert not is_full(sqlite3.DatabaseError("file is not a database"))


def test_a_role_config_of_any_shape_is_saved_and_read_back(tmp_path: Path) -> None:
    tree = {"roles": {"critic": {"config": {"a b": [{"c": 1}], "d": 'q"\n'}}}}
    recipe = build_recipe(tree)
    (tmp_path / "r.toml").write_text(recipe_toml(recipe))
    assert load_recipe(tmp_path / "r.toml") == recipe


def test_the_time_at_work_leaves_out_the_time_between_a_stop_and_the_next_opening(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    for key in "abcd":
        ledger.record(key, "m", {}, None)
    for _ in range(2):
        ledger.event("run.opened", {})
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        for key, at in {"a": 50.0, "b": 100.0, "c": 130.0, "d": 1007.0}.items():
            db.execute("UPDATE steps SET at = ? WHERE key = ?", (at, key))
        db.execute("UPDATE events SET at = CASE seq WHEN 1 THEN 100 ELSE 1000 END")
        db.commit()
    assert ledger.wall_s() == 37.0


@pytest.mark.parametrize("name", ["ledger.sqlite", "recipe.toml", "run.lock"])
def test_a_part_of_a_run_with_a_second_name_or_another_owner_is_not_worked_in(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").touch()
    (tmp_path / "run").mkdir()
    os.link(tmp_path / "mine", tmp_path / "run" / name)
    with pytest.raises(LedgerError, match="hard link"):
        require_own(tmp_path / "run")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(LedgerError, match="belongs to user"):
        require_own(tmp_path / "run")
