"""`watch --saliency` and `watch --png`: what they write, and how they refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ouroloop.cli.main import call
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.contender import contender
from ouroloop.inspect.watch.lens import Lens
from ouroloop.inspect.watch.moments import moments
from ouroloop.policy.saliency.explaining import explain
from ouroloop.protocols.seeds import game_seeds


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A policy directory for 6x6 boards with random weights, whose games are short."""
    from ouroloop.policy.settings import Shape
    from ouroloop.policy.snake_gpt import create, save

    out = tmp_path_factory.mktemp("policy") / "tiny"
    save(create(SnakeTask(6), Shape(hidden=32, intermediate=48), 1), out)
    return str(out)


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """Return the one line with which a command fails."""
    assert call(list(arguments)) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_lens_explains_the_move_that_is_made(policy: str) -> None:
    with contender(policy, None, None, "wasm", {}, 1) as player:
        lens, seed = Lens(player, "ig"), game_seeds(0, "eval", 0, 1)[0]
        *made, end = moments(player, seed, 0, lens)
        for moment in made:
            own = explain(player.player.policy, moment.seen, "ig")  # type: ignore[union-attr]
            assert own.actions[0] == moment.action
            assert moment.heat == tuple(own.heat[0].tolist())
            assert moment.lens == "integrated gradients"
        assert (end.heat, end.lens) == ((), "")


def test_a_picture_shows_all_methods_side_by_side(policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("watch", "--policy", policy, "--png")
    assert call([*options, str(tmp_path / "all.png"), "--saliency", "all", "--move", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["png"] == {"file": str(tmp_path / "all.png"), "bytes": (tmp_path / "all.png").stat().st_size, "move": 0}
    assert found["gif"] is None
    assert call([*options, str(tmp_path / "one.png")]) == 0
    assert f"{tmp_path / 'one.png'}: move " in capsys.readouterr().out
    assert Image.open(tmp_path / "all.png").width > 2.5 * Image.open(tmp_path / "one.png").width


def test_a_gif_is_tinted(policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, more in (("plain", ()), ("warm", ("--saliency", "gradcam"))):
        assert call(["watch", "--policy", policy, "--gif", str(tmp_path / f"{name}.gif"), *more]) == 0
    plain, warm = (Image.open(tmp_path / f"{name}.gif") for name in ("plain", "warm"))
    assert plain.n_frames == warm.n_frames
    assert warm.height > plain.height  # the line that says what found the heat


def test_an_mp4_is_decoded_to_the_pictures_of_the_gif(policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    av = pytest.importorskip("av", reason="PyAV is missing: pip install 'ouroloop[video]'")
    options = ("--gif", str(tmp_path / "g.gif"), "--mp4", str(tmp_path / "g.mp4"), "--fps", "10")
    assert call(["watch", "--policy", policy, *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mp4"] == {**found["gif"], "file": str(tmp_path / "g.mp4"), "bytes": (tmp_path / "g.mp4").stat().st_size}
    with av.open(str(tmp_path / "g.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, float(stream.average_rate)) == ("h264", 10.0)
        shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(shown) == found["mp4"]["frames"] - 1 + 25  # the end is held for 2.5 s
    with Image.open(tmp_path / "g.gif") as gif:
        wanted = []
        for place in (0, gif.n_frames - 1):
            gif.seek(place)
            wanted.append(np.array(gif.convert("RGB")).astype(int))
    high, wide, _ = wanted[0].shape
    changed = np.abs(wanted[0] - wanted[1]).sum(axis=2) > 60
    assert changed.any()
    for own, other, picture in ((0, 1, shown[0]), (1, 0, shown[-1])):
        apart = [np.abs(picture[:high, :wide] - one)[changed].mean() for one in (wanted[own], wanted[other])]
        assert apart[0] < 0.35 * apart[1]  # what moved is where it should be; edges of colours are coarser in a video
        assert np.abs(picture[:high, :wide] - wanted[own]).mean() < 4


def test_without_pyav_an_mp4_names_the_remedy_before_anything_is_played(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    words = said(capsys, 3, "watch", "--policy", policy, "--mp4", str(tmp_path / "g.mp4"))
    assert "pip install 'ouroloop[video]'" in words
    assert not (tmp_path / "g.mp4").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--saliency", "ig"), "--saliency is drawn on a terminal or in a picture, and here is neither: add --gif or --png"),
        (("--saliency", "all", "--gif", "g.gif"), "--saliency all draws a picture of one move: give --png FILE and no --gif"),
        (("--saliency", "all", "--mp4", "g.mp4", "--png", "p.png"), "give --png FILE and no --mp4"),
        (("--mp4", "."), "--mp4 . is a directory"),
        (("--move", "3"), "--move 3 without --png changes nothing"),
        (("--png", "p.png", "--move", "9999"), "--move 9999: the game was over before it, its last move is number"),
        (("--png", "."), "--png . is a directory"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    policy: str,
    options: tuple[str, ...],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in said(capsys, 2, "watch", "--policy", policy, *options)
    assert not list(tmp_path.glob("*.png"))


def test_a_teacher_has_no_prompt_to_look_into(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ("--size", "6", "--saliency", "rollout", "--png", str(tmp_path / "p.png"))
    assert "greedy is no language policy" in said(capsys, 2, "watch", "--teacher", "greedy", *options)
