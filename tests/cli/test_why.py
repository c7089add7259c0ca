"""`watch --why`: a language base says why it moved, and what it claims is checked."""

from __future__ import annotations

import json

import pytest
import torch

from ouroloop.cli.main import call
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.watch.why import Reason, summary
from ouroloop.policy.bases import load_base, save_policy
from ouroloop.policy.saliency import rationales
from ouroloop.policy.saliency.rationales import Claim, Rationale
from tests.policy.checkpoints import checkpoint


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A policy directory of a tiny language base with random weights, whose games are short."""
    place = tmp_path_factory.mktemp("base")
    folder = checkpoint(place / "qwen", "qwen")
    save_policy(load_base(str(folder), task=SnakeTask(6), encoding="json", dtype=torch.float32), place / "policy")
    return str(place / "policy")


def test_every_reason_is_of_a_move_that_was_made(
    base: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rationales, "reasons", lambda policy, seen, moves: ["up, not down"] * len(moves))
    assert call(["watch", "--policy", base, "--why", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    steps, told = found["games"][0]["steps"], found["why"]
    assert [one["move"] for one in told] == sorted({round(place * (steps - 1) / 2) for place in range(3)})
    for one in told:
        assert one["claims"] == [
            {"about": "up", "denied": False, "holds": one["action"] == "up"},
            {"about": "down", "denied": True, "holds": one["action"] != "down"},
        ]


def test_a_base_answers_in_lines(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["watch", "--policy", base, "--why", "1"]) == 0
    *_, reason, summed = capsys.readouterr().out.splitlines()
    assert reason.startswith("move 0, ")
    assert summed.startswith("1 reason, ")


@pytest.mark.parametrize(
    ("player", "words"),
    [(("--policy", "snake-gpt-6x6"), "knows no words"), (("--teacher", "greedy"), "greedy is no language policy")],
)
def test_who_has_no_words_is_refused_before_a_game(
    player: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["watch", *player, "--why", "3"]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert not captured.out


def test_lines_and_sums() -> None:
    told = Rationale("not\tup", (Claim("up", True, False), Claim("approach", False, True)))
    assert Reason(4, "up", told).line() == "move 4, up: 'not up' (not up: does not hold, approach: holds)"
    assert summary([Reason(4, "up", told), Reason(5, "up", Rationale("?", ()))]) == (
        "2 reasons, 2 claims in them that can be checked: 1 hold"
    )
    assert Reason(5, "up", Rationale("?", ())).line() == "move 5, up: '?' (nothing to check)"
