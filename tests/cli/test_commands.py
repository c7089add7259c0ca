"""The smaller commands: screen, tasks, roles, protocol and doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.protocols.errors import UsageError
from ouroloop.runs import lifecycle
from ouroloop.runs.lifecycle import next_folder
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import build_recipe
from tests.runs.scripted_roles import HOSTILE


@pytest.mark.parametrize(
    ("text", "code", "layer"),
    [
        (HOSTILE["imports os"], 1, "ast"),
        (HOSTILE["returns 7"], 1, "protocol"),
        (HOSTILE["plays the last legal move"], 0, "contract"),
        ("no patch at all", 1, "text"),
    ],
)
def test_screen_tells_the_layer(text: str, code: int, layer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "reply.txt").write_text(text)
    assert call(["screen", str(tmp_path / "reply.txt"), "--sandbox", "wasm", "--json"]) == code
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["layer"], said["sandbox"]) == ("passed" if code == 0 else "rejected", layer, "wasm")
    assert set(said) == {"outcome", "layer", "reason", "sandbox", "ms"}


def test_screen_of_what_is_not_there_is_bad_input(tmp_path: Path) -> None:
    assert call(["screen", str(tmp_path / "none"), "--sandbox", "wasm"]) == 2


def test_tasks_lists_the_games_and_their_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["tasks", "--json"]) == 0
    snake = next(row for row in json.loads(capsys.readouterr().out) if row["name"] == "snake")
    assert snake["where"] == "ouroloop.envs.snake.task:SnakeTask"
    assert snake["settings"]["size"] == 6
    assert call(["tasks"]) == 0
    assert "task.size = 6" in capsys.readouterr().out


def test_roles_protocol_and_doctor_answer_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["roles", "--json"]) == 0
    assert {r["method"] for r in json.loads(capsys.readouterr().out)} == {"critic.diagnose", "reward.design", "patch.propose"}
    assert call(["protocol"]) == 0
    assert json.loads(capsys.readouterr().out)["openrpc"] == "1.3.2"
    assert call(["doctor", "--json"]) == 0
    checks = {c["name"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["wasm"]["ok"]
    assert checks["git"]["ok"]


def test_doctor_says_when_others_could_write_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ouroloop.cli.doctor import _sandbox

    (tmp_path / "ouroloop" / "wasm").mkdir(parents=True)
    (tmp_path / "ouroloop" / "wasm").chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    check = _sandbox("wasm")
    assert not check.ok
    assert "can be written by others; delete it, or set XDG_CACHE_HOME" in check.remedy


def test_doctor_tries_a_sandbox_before_it_calls_it_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    from ouroloop.cli.doctor import _sandbox
    from ouroloop.sandbox.wasm import sandbox

    monkeypatch.setattr(sandbox, "prepare", lambda _: Path("/dev/null"))  # it is there, and no component
    check = _sandbox("wasm")
    assert not check.ok
    assert "did not start" in check.remedy


def test_runs_that_start_at_once_take_two_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def create(recipe: object, folder: Path, progress: object) -> None:
        if not made:  # the other run is a moment faster
            (tmp_path / "both-001").mkdir()
        made.append(folder)
        if folder.exists():
            raise lifecycle.exists_already(folder)
        folder.mkdir()

    monkeypatch.setattr(lifecycle, "create", create)
    recipe = build_recipe({"name": "both"})
    assert lifecycle.create_next(recipe, Quiet(), tmp_path) == tmp_path / "both-002"
    monkeypatch.setattr(lifecycle, "create", refuse)
    with pytest.raises(UsageError, match="impossible"):
        lifecycle.create_next(recipe, Quiet(), tmp_path)


def refuse(recipe: object, folder: Path, progress: object) -> None:
    raise UsageError("impossible")


def test_run_directories_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "quickstart-001").mkdir()
    assert next_folder("quickstart", tmp_path).name == "quickstart-002"
