"""The smaller commands: screen, tasks, roles, protocol, doctor, and what an ablation says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.inspect.ablation import ablate, compare, plot
from ouroloop.protocols.errors import UsageError
from ouroloop.runs import lifecycle
from ouroloop.runs.lifecycle import next_folder
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import build_recipe
from tests.runs.scripted_roles import HOSTILE

RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart.toml"


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


def runs_of(json_scores: list[float], vision_scores: list[float]) -> list[dict]:
    rest = {"win_rate": 0.0, "path_optimality": 0.5, "utility": 0.5, "start_score": 5.0}
    pairs = zip(json_scores, vision_scores, strict=True)
    return [
        {"value": value, "seed": seed, "score": score, **rest}
        for seed, (a, b) in enumerate(pairs)
        for value, score in (("json", a), ("vision", b))
    ]


def test_an_ablation_compares_within_seeds(tmp_path: Path) -> None:
    runs = runs_of([10, 20, 30, 12], [9, 18, 29, 12])
    rows = {(r["measure"], r["value"]): r for r in compare(runs, ["json", "vision"])}
    found = rows["score", "vision"]
    assert found["difference"] == pytest.approx(-1)
    assert -2 <= found["low"] < -1 < found["high"] <= 0
    assert rows["score", "json"]["difference"] == 0
    assert compare(runs[:2], ["json", "vision"])[1]["low"] is None
    plot({"vary": "perception", "values": ["json", "vision"], "seeds": 4, "runs": runs}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("vary", ["perception", "perception=json", "perceptoin=json,vision", "perception=json,ears"])
def test_an_ablation_of_nothing_known_is_refused_before_it_begins(vary: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        ablate(RECIPE, (), vary, 2, tmp_path / "a", Quiet())
    assert not (tmp_path / "a").exists()


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
