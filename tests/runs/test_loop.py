"""The whole loop on a small run: what it records, that it repeats, that it survives being killed, that it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ouroloop.cli.main import call
from ouroloop.inspect.report import open_run
from ouroloop.ledger.lock import is_running, locked
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps import watch as steps
from ouroloop.protocols.errors import LedgerError, SurroundingsError, UsageError
from ouroloop.protocols.records import SeedRange
from ouroloop.protocols.seeds import game_seeds
from ouroloop.runs import lifecycle
from ouroloop.runs.phases.rollback import lineage
from ouroloop.runs.phases.watch import watch
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import recipe_toml
from ouroloop.runs.seeds import stream_seed, watching
from ouroloop.sandbox.choose import choose
from tests.runs.small_run import ROLES, document, micro, run_micro

PATCHES_ONLY = ("roles.reward_designer.count=0",)


def test_the_document_has_the_promised_form(finished: Path) -> None:
    shown = document(finished)
    assert set(shown) >= {"run", "status", "digest", "seed", "rounds", "totals"}
    assert (shown["run"], shown["status"], shown["seed"]) == ("micro-000", "done", 3)
    assert len(shown["digest"]) == 64
    assert [r["index"] for r in shown["rounds"]] == [1, 2]
    for entry in shown["rounds"]:
        assert entry["mode"] in ("reward_refresh", "bug_fix", "reward_patch", "meta_learn")
        assert set(entry["incumbent"]) >= {"policy", "reward", "controller", "score", "win_rate", "path_optimality"}
        assert set(entry["incumbent"]["score"]) == {"mean", "low", "high"}
        for c in entry["candidates"]:
            assert set(c) >= {"id", "kind", "role", "verdict", "layer", "reason", "effect", "diff", "reward"}
            assert c["verdict"] in ("accepted", "rejected", "rolled_back")
            assert c["reason"]
            assert (c["diff"] is None) == (c["kind"] == "reward")
    assert set(shown["totals"]) == {"games", "tokens", "cost_usd", "wall_s"}
    assert shown["totals"]["games"] > 0


def test_an_accepted_candidate_is_a_commit_and_the_workspace_is_the_incumbent(finished: Path) -> None:
    shown = document(finished)
    accepted = [c["id"] for r in shown["rounds"] for c in r["candidates"] if c["verdict"] == "accepted"]
    log = subprocess.run(
        ["git", "log", "--format=%s", "--reverse"], cwd=finished / "workspace", capture_output=True, text=True, check=True
    )
    assert log.stdout.split("\n")[:-1] == ["Start", *(f"Accept {id}" for id in accepted)]
    last = shown["rounds"][-1]["incumbent"]
    assert (finished / "workspace" / "policy").read_text().strip() == last["policy"]
    assert (finished / "artifacts" / last["controller"]).read_text() == (finished / "workspace" / "controller.py").read_text()


def test_every_step_is_a_message_and_no_seed_serves_two_purposes(finished: Path) -> None:
    ledger = Ledger(finished / "ledger.sqlite")
    steps, seed = list(ledger.steps()), stream_seed(micro(), ledger)
    ledger.close()
    assert {s.method for s in steps} >= {"policy.train", "policy.evaluate", "critic.diagnose", "gate.judge", "run.verdict"}
    used: dict[str, set[int]] = {}
    for step in steps:
        if "stream" in step.params:
            numbers = game_seeds(seed, step.params["stream"], step.params["first"], step.params["count"])
            used.setdefault(_purpose(step.key, step.params["stream"]), set()).update(numbers)
    assert {name.split()[0] for name in used} >= {"search", "gate", "watch", "attribution"}
    everything = [seed for numbers in used.values() for seed in numbers]
    assert len(everything) == len(set(everything))


def _purpose(key: str, stream: str) -> str:
    """Return what games are for: a race, a round's watch, a round's stage of halving, ...; candidates share them."""
    parts = key.split("/")
    return f"{stream} {'/'.join(parts[:3])}"


def test_the_same_seed_gives_the_same_digest(finished: Path, tmp_path: Path) -> None:
    assert document(run_micro(tmp_path / "again"))["digest"] == document(finished)["digest"]


def start_process(folder: Path) -> subprocess.Popen[str]:
    """Start `ouroloop run` in a process group of its own."""
    recipe = folder.with_suffix(".toml")
    recipe.write_text(recipe_toml(micro()))
    command = [sys.executable, "-m", "ouroloop.cli.main", "run", str(recipe), "--run-dir", str(folder)]

    def listen() -> None:  # a suite that was started in the background ignores Ctrl-C, and so would its children
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=listen
    )


def wait_for(moment: Any, process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until the recorded steps say that the moment has come."""
    deadline = time.monotonic() + 200
    while not moment(keys(folder)):
        assert process.poll() is None, "the run ended before the moment came"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if moment is in_training:
        time.sleep(1.0)


def keys(folder: Path) -> list[str]:
    try:
        db = sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True)
        return [row[0] for row in db.execute("SELECT key FROM steps ORDER BY seq")]
    except sqlite3.Error:
        return []


def in_training(done: list[str]) -> bool:
    screened = [k for k in done if "/screen/" in k and "-reward" in k]
    return bool(screened) and not any("/train/" in k for k in done)


def in_gate(done: list[str]) -> bool:
    return any(k.endswith("/gate/order") for k in done)


@pytest.mark.parametrize("moment", [in_training, in_gate])
def test_a_killed_run_resumes_to_the_same_digest(moment: Any, finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    process = start_process(folder)
    wait_for(moment, process, folder)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = keys(folder)
    assert document(folder)["status"] == "stopped"
    while is_running(folder):  # a training child may outlive its parent by a second
        time.sleep(0.1)
    assert lifecycle.work(folder, Quiet(notes=False)) == "done"
    assert keys(folder)[: len(before)] == before
    assert document(folder)["digest"] == document(finished)["digest"]


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    process = start_process(folder)
    wait_for(in_training, process, folder)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"ouroloop: stopped; go on with `ouroloop resume {folder}`" in said.splitlines()
    assert "Traceback" not in said
    assert document(folder)["status"] == "stopped"
    assert call(["resume", str(folder), "--json"]) == 0
    assert document(folder)["digest"] == document(finished)["digest"]


def test_two_launches_at_once_leave_the_first_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "r"

    def slow(*given: Any, **options: Any) -> Any:
        if not folder.exists():  # while the second checks its surroundings, the first appears
            folder.mkdir()
            (folder / "ledger.sqlite").touch()
        return choose(*given, **options)

    monkeypatch.setattr("ouroloop.sandbox.choose.choose", slow)
    with pytest.raises(UsageError, match="exists already"):
        lifecycle.create(micro(), folder, Quiet(notes=False))
    assert [p.name for p in folder.iterdir()] == ["ledger.sqlite"]
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_a_finished_run_goes_on_with_more_rounds(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "longer"
    shutil.copytree(finished, folder)
    assert lifecycle.work(folder, Quiet(notes=False), ("budget.rounds=3",)) == "done"
    longer, shorter = document(folder), document(finished)
    assert longer["rounds"][:2] == shorter["rounds"]
    assert len(longer["rounds"]) == 3
    with pytest.raises(UsageError, match=r"only budget\.\*"):
        lifecycle.work(folder, Quiet(notes=False), ("seed=9",))


def test_a_budget_stops_between_rounds_and_says_how_to_go_on(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "longer"
    shutil.copytree(finished, folder)
    used = document(folder)["totals"]["games"]
    assert call(["resume", str(folder), "--set", "budget.rounds=9", "--set", f"budget.games={used}", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["status"] == "stopped"
    assert "budget.games is spent" in captured.err
    assert "--set budget.games=MORE" in captured.err


def test_a_done_run_says_that_it_is_done_and_how_to_extend_it(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "over"
    shutil.copytree(finished, folder)
    assert call(["resume", str(folder)]) == 0
    captured = capsys.readouterr()
    extended = f"ouroloop resume {folder} --set budget.rounds=MORE"
    assert f"nothing to do: all 2 rounds of the run are done; add rounds with `{extended}`" in captured.err
    assert "next: ouroloop show" in captured.out
    assert document(folder)["digest"] == document(finished)["digest"]


def test_a_budget_below_what_is_used_is_refused_and_nothing_is_written(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "less"
    shutil.copytree(finished, folder)
    before = (folder / "recipe.toml").read_text()
    for override, used in (("budget.rounds=1", "2"), ("budget.games=1", f"{document(folder)['totals']['games']}")):
        assert call(["resume", str(folder), "--set", override]) == 2
        assert f"{override} is less than the run has used already ({used})" in capsys.readouterr().err
    assert (folder / "recipe.toml").read_text() == before
    assert call(["resume", str(folder), "--set", "budget.games=0", "--json"]) == 0  # no limit


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_the_next_command_continues_a_run_that_is_not_done(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    folder = tmp_path / "early"
    shutil.copytree(finished, folder)
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.set_meta("status", status)
    ledger.close()
    assert call(["show", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"next: ouroloop resume {folder} --set budget.rounds=MORE"
    recipe = lifecycle.read_recipe(folder, ("budget.rounds=3",))
    (folder / "recipe.toml").write_text(recipe_toml(recipe))
    assert call(["show", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"next: ouroloop resume {folder}"


def test_a_run_that_fails_says_how_to_go_on(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder = tmp_path / "fails"
    shutil.copytree(finished, folder)

    def fail(run: Any) -> str:
        raise SurroundingsError("the sandbox is gone")

    monkeypatch.setattr("ouroloop.runs.graph.run_rounds", fail)
    assert call(["resume", str(folder)]) == 3
    assert f"go on with `ouroloop resume {folder}`" in capsys.readouterr().err
    assert document(folder)["status"] == "failed"


def test_hostile_patches_are_each_rejected_where_they_ought_to_and_the_run_goes_on(tmp_path: Path) -> None:
    hostile = (f"roles.code_patcher.use={ROLES}:HostilePatcher", "roles.code_patcher.count=5")
    folder = run_micro(tmp_path / "hostile", *PATCHES_ONLY, *hostile, "budget.rounds=2")
    rounds = document(folder)["rounds"]
    patches = next(r["candidates"] for r in rounds if r["candidates"])
    layers = [c["layer"] for c in patches]
    assert layers[:3] == ["ast", "sandbox", "protocol"]
    assert layers[3] in ("ast", "sandbox")
    assert layers[4] not in ("ast", "sandbox", "protocol", "contract")
    assert all(c["verdict"] == "rejected" for c in patches[:4])
    assert call(["show", str(folder), "--candidate", patches[0]["id"]]) == 0


def test_a_role_that_fails_costs_its_proposals_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "r"
    broken = (f"roles.code_patcher.use={ROLES}:BrokenPatcher", "roles.code_patcher.count=4")
    lifecycle.create(micro(*PATCHES_ONLY, *broken), folder, Quiet())
    assert lifecycle.work(folder, Quiet()) == "failed"  # nothing at all was proposed, in any round
    said = capsys.readouterr().err
    lines = Path(ROLES).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "no idea today" in text)
    reason = f"RuntimeError: no idea today (scripted_roles.py:{line})"
    assert f"broken-patcher gave nothing ({reason})" in said
    assert f"code_patcher (broken-patcher) was asked in 2 rounds and never answered: {reason}" in said
    shown = document(folder)
    assert shown["status"] == "failed"
    assert [one["slot"] for one in shown["rounds"][1]["asked"]] == ["critic", "code_patcher"]
    asked = shown["rounds"][1]["asked"][1]
    assert (asked["role"], asked["method"], asked["count"], asked["answered"]) == ("broken-patcher", "patch.propose", 4, 0)
    assert asked["lost"] == [{"reason": reason, "text": None}]
    assert call(["show", str(folder)]) == 0
    assert "round 2: code_patcher (broken-patcher): asked for 4, answered 0, 1 lost" in capsys.readouterr().out
    assert call(["resume", str(folder), "--json"]) == 1


def test_no_reward_is_asked_for_where_the_controller_does_not_heed_the_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deaf = tmp_path / "deaf.py"
    deaf.write_text(
        "from toolkit import legal_moves\n\n\ndef act(observation, logits):\n    return (legal_moves(observation) or [0])[0]\n"
    )
    patches = (f"roles.code_patcher.use={ROLES}:HostilePatcher", "budget.rounds=1")
    lifecycle.create(micro(*patches, f"start.controller={deaf}"), tmp_path / "r", Quiet())
    assert lifecycle.work(tmp_path / "r", Quiet()) == "done"
    found = document(tmp_path / "r")["rounds"][0]
    assert found["mode"] == "meta_learn"  # which asks for both
    assert {c["kind"] for c in found["candidates"]} == {"patch"}
    assert "does not heed the policy" in capsys.readouterr().err
    left = found["not_asked"][0]
    assert (left["slot"], left["method"]) == ("reward_designer", "reward.design")
    assert "start.controller" in left["remedy"]


@pytest.mark.parametrize(("mode", "kinds"), [("meta_learn", {"reward", "patch"}), ("bug_fix", {"patch"})])
def test_the_recipes_mode_is_every_rounds(mode: str, kinds: set[str], tmp_path: Path) -> None:
    counts = ("roles.code_patcher.count=2", "roles.reward_designer.count=1", "start.policy=random", "talk.wishes=0")
    run_micro(tmp_path / "r", f"mode={mode}", *counts)
    rounds = document(tmp_path / "r")["rounds"]
    assert [entry["mode"] for entry in rounds] == [mode, mode]
    assert all({c["kind"] for c in entry["candidates"]} == kinds for entry in rounds)
    remedies = [left["remedy"] for entry in rounds for left in entry["not_asked"]]
    assert all("mode=meta_learn" in remedy for remedy in remedies)
    assert len(remedies) == (2 if mode == "bug_fix" else 0)


def test_rollback_by_hand_restores_what_stood_before(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    shown = document(folder)
    accepted = [c["id"] for r in shown["rounds"] for c in r["candidates"] if c["verdict"] == "accepted"]
    assert accepted, "the small run is meant to accept something"
    ledger = Ledger(folder / "ledger.sqlite")
    before = lineage(ledger)[-2].incumbent
    ledger.close()
    assert call(["rollback", str(folder), accepted[-1], "--reason", "test"]) == 0
    found = next(c for r in document(folder)["rounds"] for c in r["candidates"] if c["id"] == accepted[-1])
    assert (found["verdict"], found["layer"], found["reason"]) == ("rolled_back", "watch", "test")
    assert (folder / "workspace" / "policy").read_text().strip() == before.policy
    controller = (folder / "artifacts" / before.controller).read_text()
    assert (folder / "workspace" / "controller.py").read_text() == controller
    told = capsys.readouterr().out
    assert "score now: " in told
    assert f"--set start.controller={folder / 'artifacts' / found['made']['controller']}" in told
    assert found["acceptance"].startswith("better: e-value")
    after = document(folder)
    assert after["incumbent"]["controller"] == before.controller
    assert (after["incumbent"]["policy"], after["rounds"]) != (shown["incumbent"]["policy"], shown["rounds"])
    assert after["totals"]["games"] > shown["totals"]["games"]  # it has played fresh games
    assert call(["rollback", str(folder), accepted[-1]]) == 2
    assert call(["rollback", str(folder), "r9-patch9"]) == 2
    assert "sandbox: " not in capsys.readouterr().err  # a refusal comes alone
    assert call(["show", str(folder), "--candidate", accepted[-1], "--round", "1"]) == 2
    assert "give one of them" in capsys.readouterr().err
    assert " s at work; digest " in _printed(capsys, "show", str(folder))


def _printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert call(list(words)) == 0
    return capsys.readouterr().out


def test_after_a_full_rollback_nothing_claims_what_no_longer_plays(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home" / "copy"
    shutil.copytree(finished, folder)
    shown = document(folder)
    for id in [c["id"] for r in shown["rounds"] for c in r["candidates"] if c["verdict"] == "accepted"]:
        call(["rollback", str(folder), id])
    after = document(folder)
    first, now = after["start"], after["incumbent"]
    assert [now[part] for part in ("policy", "reward", "controller")] == [
        first[part] for part in ("policy", "reward", "controller")
    ]
    assert [r["stands"] for r in after["rounds"]] == [
        r["incumbent"]["controller"] == first["controller"] and r["incumbent"]["policy"] == first["policy"]
        for r in after["rounds"]
    ]
    assert not after["rounds"][-1]["stands"]
    assert open_run(folder).incumbent["controller"] == first["controller"]
    states = [*after["rounds"], *after["by_hand"]]
    standing = [first["score"]["mean"], *(s["incumbent"]["score"]["mean"] for s in states if s["stands"])]
    best = open_run(folder).history["best"]
    assert best.max() == best.iloc[-1] == max(standing) >= now["score"]["mean"]
    assert open_run(folder).history["kind"].tolist()[-len(after["by_hand"]) :] == ["rollback"] * len(after["by_hand"])
    capsys.readouterr()
    assert call(["list", str(folder.parent), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["score"] == now["score"]["mean"]
    assert call(["show", str(folder)]) == 0
    said = capsys.readouterr().out
    count = len(after["by_hand"])
    assert f"{count} accepted, {count} of them rolled back since" in said
    listed = json.loads(_printed(capsys, "list", str(folder.parent), "--json"))[0]
    assert (
        (listed["accepted"], listed["rolled_back"])
        == (after["gate"]["accepted"], after["gate"]["rolled_back"])
        == (count, count)
    )
    assert f"accepted {count} of " in repr(open_run(folder))
    assert f"rolled back {count}" in repr(open_run(folder))
    assert open_run(folder).rounds[["accepted", "rolled_back"]].sum().tolist() == [count, count]
    assert f"after the round: rolled back {after['by_hand'][0]['candidate']} by hand" in _printed(
        capsys, "show", str(folder), "--round", str(after["by_hand"][0]["after"])
    )
    assert "from the start to now: not measured since" in said
    assert "from the start to round" not in said
    assert f"score now: {now['score']['mean']:.1f}" in said


def test_a_confirmed_regression_is_rolled_back_once(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    with lifecycle.opened(folder, Quiet(notes=False)) as run:
        before, now = lineage(run.ledger)[-2:]
        played = [0.9, 0.0]  # the newest loses by more than it won by when it was watched before
        seen = run.result(steps.play(1))
        states = tuple(
            steps.WatchedState(state.incumbent, age, (u,) * 400)
            for age, (state, u) in enumerate(zip((before, now), played, strict=True))
        )
        games = watching(run.recipe.gate, 9, again=False)
        lost = steps.Watched(SeedRange("watch", games.first, 400), seen.measures, states, 800)
        steps.play(9).record(run.ledger, games, lost)
        for _ in range(2):
            watch(run, 9)
            assert run.incumbent() == before.incumbent
            assert (folder / "workspace" / "policy").read_text().strip() == before.incumbent.policy
        done = ["9/watch/play", "9/watch/judge/0", "9/rollback/0", "9/watch/judge/1", "9/watch/again"]
        assert [s.key for s in run.ledger.steps("9/*")] == done
    found = next(c for r in document(folder)["rounds"] for c in r["candidates"] if c["id"] == now.candidate)
    assert (found["verdict"], found["layer"]) == ("rolled_back", "watch")
    assert "worse than its predecessor" in found["reason"]


def test_diff_and_list_and_show(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = document(finished)
    patch = next(
        c for r in shown["rounds"] for c in r["candidates"] if c["kind"] == "patch" and c["layer"] in ("gate", "oracle")
    )
    assert call(["diff", str(finished), "start", patch["id"]]) == 0
    assert capsys.readouterr().out.startswith("--- start\n+++ ")
    assert call(["list", str(finished.parent), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["run"] == "micro-000"
    assert call(["show", str(finished), "--round", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == shown["rounds"][0]
    assert call(["show", str(finished), "--round", "7"]) == 2
    assert call(["show", str(finished), "--candidate", "x"]) == 2


def test_a_run_directory_that_exists_and_one_in_use_are_refused(finished: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        lifecycle.create(micro(), finished, Quiet())
    with locked(finished), pytest.raises(LedgerError, match="in use"):
        lifecycle.work(finished, Quiet())


@pytest.mark.parametrize(
    ("override", "error"),
    [
        ("task.size=3", UsageError),
        ("task.walls=nan", UsageError),
        ("task.food=sweet", UsageError),
        ("task.start_length=9", UsageError),
        ('task.wall_map=["######"]', UsageError),
        ("sft.stepz=3", UsageError),
        ("grpo.group=1", UsageError),
        ("roles.critic.use=nobody", UsageError),
        ("roles.critic.use=search-patcher", UsageError),
        ("roles.critic.model=openai:x", UsageError),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(override: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        lifecycle.create(micro(override), tmp_path / "r", Quiet())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "NEED_MB", 1 << 40)
    with pytest.raises(SurroundingsError, match="free some"):
        lifecycle.create(micro(), tmp_path / "r", Quiet())
    assert not (tmp_path / "r").exists()


def test_help_names_the_commands_and_loads_nothing_heavy() -> None:
    heavy = ("torch", "numba", "langgraph", "numpy")
    code = f"import sys; from ouroloop.cli.main import call; call(['--help']); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "ablate" in done.stdout
