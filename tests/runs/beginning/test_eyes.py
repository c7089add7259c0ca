"""The eyes of a run: given or trained, kept with the run, and a build that sees goes through the whole loop."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.run import Report
from ouroloop.inspect.shown.eyes import eyes_line
from ouroloop.ledger.steps import start as steps
from ouroloop.perception.config import perfect
from ouroloop.perception.eye import eye_of
from ouroloop.policy.bases import save_policy
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.fusion.seeing import Seeing, create_seeing
from ouroloop.policy.settings import Shape
from ouroloop.protocols.errors import LedgerError, UsageError
from ouroloop.runs import lifecycle
from ouroloop.runs.beginning.eyes import open_eyes
from ouroloop.runs.phases.start import start
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import identity, recipe_toml
from tests.perception.small import hasty_clip, hasty_gemma, train
from tests.runs.small_run import micro, run_micro

SIZE = "task.size=4"
SFT = (
    "sft.steps=4",
    "sft.positions=200",
    "sft.batch=16",
    "sft.dagger=1",
    "sft.shape={hidden=16,layers=1,heads=2,intermediate=16}",
)
SEES = (SIZE, "perception=vision-latent", *SFT, "fusion.projector=16")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board reader after a few steps: it is not to be trusted, but it sees."""
    out = tmp_path_factory.mktemp("eyes") / "reader"
    train(out, steps=40)
    return out


def opened_policy(run: lifecycle.Run) -> Seeing:
    from ouroloop.policy.bases import open_policy

    found = open_policy(run.store.directory(run.incumbent().policy), task=run.task)
    assert isinstance(found, Seeing)
    return found


def test_a_given_reader_is_kept_and_serves_policy_and_controller(reader, tmp_path):
    given = tmp_path / "mine"
    shutil.copytree(reader, given)
    lifecycle.create(micro(*SEES, f"eyes.reader={given}"), tmp_path / "r", Quiet(notes=False))
    shutil.rmtree(given)
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        open_eyes(run)
        start(run)
        policy = opened_policy(run)
        perceive = run.players.perceive
        assert perceive is not None
        truth = run.task.positions(3, 8).observations()
        seen = perceive(truth)
        assert seen.scene is truth
        assert np.array_equal(policy.eye.look(seen), perceive.look(truth))  # type: ignore[attr-defined]
        assert np.array_equal(policy.encode(seen)[0], policy.encode(truth)[0])
        assert run.result(steps.EYE).eye
    with closing(Report(tmp_path / "r")) as report:
        document = report.document()
        assert document["eyes"] is not None
        assert document["eyes"]["encoder"] == "reader"
        assert (eyes_line(document) or "").startswith("eyes: vision-latent, latents by reader")


HASTY = {"clip": (hasty_clip, "readout.safetensors"), "gemma": (hasty_gemma, "gemma.json")}


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CLIP and a Gemma that read boards, wrongly."""
    out = tmp_path_factory.mktemp("hasty")
    for kind, (make, _) in HASTY.items():
        make(out / kind)
    return out


@pytest.mark.parametrize("kind", HASTY)
def test_a_clip_or_a_gemma_reads_the_boards_of_a_run(kind, hasty, tmp_path):
    given = shutil.copytree(hasty / kind, tmp_path / "mine")
    lifecycle.create(micro(SIZE, "perception=vision", f"eyes.reader={given}"), tmp_path / "r", Quiet(notes=False))
    shutil.rmtree(given)
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        open_eyes(run)
        kept = run.store.directory(run.result(steps.READER).reader)
        assert (kept / HASTY[kind][1]).is_file()
        perceive = run.players.perceive
        assert perceive is not None
        truth = run.task.positions(3, 8).observations()
        assert perceive(truth).scene is truth
        assert perceive.sight.boards == 8  # type: ignore[attr-defined]


def test_nothing_that_lies_beside_a_given_reader_gets_into_the_run(reader, tmp_path):
    given = shutil.copytree(reader, tmp_path / "mine")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("mine")
    (given / "link").symlink_to(tmp_path / "secrets")
    (given / "more").write_text("")
    lifecycle.create(micro(SIZE, "perception=vision", f"eyes.reader={given}"), tmp_path / "r", Quiet(notes=False))
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        kept = run.store.directory(run.result(steps.READER).reader)
        assert sorted(path.name for path in kept.iterdir()) == ["reader.json", "weights.safetensors"]
    assert not list((tmp_path / "r").rglob("key"))


def test_of_a_given_body_only_the_policy_gets_into_the_run(reader, tmp_path):
    from ouroloop.policy.snake_gpt import create, load, save

    body = tmp_path / "body"
    save(create(SnakeTask(4), Shape(hidden=16, layers=1, heads=2, intermediate=16), 0), body)
    (tmp_path / "secret").write_text("mine")
    (body / "link.txt").symlink_to(tmp_path / "secret")
    lifecycle.create(micro(*SEES, f"eyes.reader={reader}", f"fusion.body={body}"), tmp_path / "r", Quiet(notes=False))
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        kept = run.store.directory(run.result(steps.BODY).policy)
        assert not (kept / "link.txt").exists()
        same = zip(load(body).model.parameters(), load(kept).model.parameters(), strict=True)
        assert all(bool((one == two).all()) for one, two in same)


@pytest.mark.slow
def test_a_build_that_sees_goes_through_the_whole_loop(reader, tmp_path):
    games = ("gate.games=16", "gate.positions=16", "gate.search_games=8", "gate.attribution_games=8", "gate.watch_games=8")
    grpo = (
        "grpo.steps=2",
        "grpo.states=4",
        "grpo.crews=1",
        "grpo.games=8",
        "grpo.stagger=0",
        "grpo.horizon=4",
        "grpo.truth_every=0",
    )
    roles = (
        "roles.reward_designer.count=1",
        "roles.code_patcher.count=2",
        "halving.stages=1",
        "budget.rounds=1",
        "mode=meta_learn",
    )
    overrides = (*SEES, f"eyes.reader={reader}", *games, *grpo, *roles)
    run_micro(tmp_path / "r", *overrides)
    with closing(Report(tmp_path / "r")) as report:
        document = report.document()
        kinds = {candidate["kind"] for entry in document["rounds"] for candidate in entry["candidates"]}
        eyes = document["eyes"]
    assert {"patch", "reward"} <= kinds
    assert eyes is not None
    assert eyes["boards"] > 100
    assert 0 <= (eyes["exact"] or 0) <= 1
    run_micro(tmp_path / "again", *overrides)
    with closing(Report(tmp_path / "again")) as report:
        assert report.document()["digest"] == document["digest"]


def test_an_untrained_policy_sees_too(reader, tmp_path):
    lifecycle.create(micro(*SEES, "start.policy=random", f"eyes.reader={reader}"), tmp_path / "r", Quiet(notes=False))
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        open_eyes(run)
        start(run)
        assert opened_policy(run).eye.name == "reader"


def test_a_given_policy_looks_through_the_camera_of_the_run(reader, tmp_path):
    task, small = SnakeTask(4), Shape(hidden=16, layers=1, heads=2, intermediate=16)
    eye = eye_of(reader, "reader", task, perfect())
    save_policy(create_seeing(task, small, 0, eye, FusionConfig()), tmp_path / "SEES")
    given = (f"start.policy={tmp_path / 'SEES'}", f"eyes.reader={reader}", "camera.noise=0.3", "camera.cell_px=4")
    lifecycle.create(micro(*SEES, *given), tmp_path / "r", Quiet(notes=False))
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        open_eyes(run)
        start(run)
        position = task.positions(1, 1).observations()
        pictures = [one.look(position) for one in (opened_policy(run).eye, run.players.perceive.camera)]
        assert opened_policy(run).eye.card.camera == run.recipe.camera != eye.card.camera
    assert np.array_equal(*pictures)


@pytest.mark.parametrize("inner", [False, True])
def test_a_policy_with_a_link_in_it_is_refused(inner, tmp_path):
    from ouroloop.policy.snake_gpt import create, save

    save(create(SnakeTask(4), Shape(hidden=16, layers=1, heads=2, intermediate=16), 0), tmp_path / "p")
    (tmp_path / "secret").write_text("x")
    place = tmp_path / "p" / "more" if inner else tmp_path / "p"
    place.mkdir(exist_ok=True)
    (place / "notes").symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match="notes is no plain file or folder"):
        lifecycle.create(micro(SIZE, *SFT, f"start.policy={tmp_path / 'p'}"), tmp_path / "r", Quiet(notes=False))
    assert not (tmp_path / "r").exists()


def test_a_reader_is_trained_if_none_is_given(tmp_path):
    own = [
        f"reader.{key}={value}" for key, value in {"steps": 6, "cells": 300, "batch_cells": 64, "width": 16, "depth": 1}.items()
    ]
    lifecycle.create(micro(SIZE, "perception=vision", "reader.sizes=[4]", *own), tmp_path / "r", Quiet(notes=False))
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        assert run.find(steps.READER) is None
        open_eyes(run)
        assert (run.store.directory(run.result(steps.READER).reader) / "reader.json").is_file()
        assert run.find(steps.EYE) is None


TOYS = {
    "clip": (
        "clip.steps=2",
        "clip.boards=16",
        "clip.groups=2",
        "clip.group=2",
        *(f"clip.{key}=32" for key in ("embed_dim", "vision_width", "text_width")),
    ),
    "gemma3": (
        "gemma.steps=2",
        "gemma.boards=16",
        "gemma.batch=2",
        "gemma.held_out=4",
        "gemma.tower={width=16,depth=1}",
        "gemma.text={width=24,depth=1,head_width=8}",
    ),
    "vision-latent": ("eyes.latents=vae", "vae.steps=2", "vae.boards=16", "vae.batch=4", "vae.image_px=16", "vae.width=2"),
}
"""Way to perceive -> an encoder that takes seconds to train."""


@pytest.mark.parametrize("perception", TOYS)
def test_an_encoder_is_trained_if_none_is_given(perception, reader, tmp_path):
    toy = (SIZE, f"perception={perception}", "start.policy=random", f"eyes.reader={reader}", *SFT, *TOYS[perception])
    lifecycle.create(micro(*toy), tmp_path / "r", Quiet(notes=False))
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        open_eyes(run)
        start(run)
        encoder = run.result(steps.ENCODER)
        policy = opened_policy(run)
        assert encoder.kind == policy.eye.name
        assert policy.layout.tokens == (1 if encoder.kind == "vae" else 16)


def test_a_path_that_a_stranger_wrote_into_a_recipe_is_never_read(reader, tmp_path):
    lifecycle.create(micro(*SEES, f"eyes.reader={reader}"), tmp_path / "r", Quiet(notes=False))
    with closing(lifecycle.Ledger(tmp_path / "r" / "ledger.sqlite")) as ledger:
        odd = lifecycle.read_recipe(tmp_path / "r").model_copy(
            update={"eyes": micro("eyes.latents=vae", f"eyes.encoder={tmp_path / 'nowhere'}").eyes}
        )
        (tmp_path / "r" / "recipe.toml").write_text(recipe_toml(odd))
        ledger.set_meta("recipe", identity(lifecycle.read_recipe(tmp_path / "r")))
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        open_eyes(run)
        with pytest.raises(LedgerError, match="step start/encoder is missing"):
            start(run)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("perception=vision", "eyes.reader=nowhere"), "reader 'nowhere' is no directory and no shipped reader"),
        (("perception=vision", "eyes.reader=EMPTY"), "holds no reader"),
        (("perception=vision", "eyes.reader=READS"), "expected a Gemma that sees"),
        (("perception=vision-latent", "eyes.reader=snake-clip"), 'holds a clip: set perception = "clip"'),
        (("perception=vision", "eyes.reader=snake-gemma"), "not snake on 4x4"),
        (("perception=vision", "camera.look=psychedelic"), "set camera.look to one of"),
        (("perception=vision", "eyes.encoder=READER"), "the policy gets no latents"),
        (("perception=vision-latent", "eyes.encoder=READER"), "the policy gets the latents of eyes.reader"),
        (("perception=clip", "eyes.encoder=READER"), "an encoder of the kind 'reader', expected 'clip'"),
        (("perception=vision-latent", "eyes.latents=vae", "eyes.encoder=nowhere"), "no encoder at nowhere"),
        (("perception=vision-latent", "sft.base=owner/model"), "leave sft.base out"),
        (("perception=vision-latent", "eyes.latents=vae", "salience.method=ig"), "take an eye with a grid of latents"),
        (("perception=vision-latent", "fusion.spread=4", "salience.method=ig"), "with fusion.spread 4"),
        (("perception=vision-latent", "fusion.body=snake-gpt-10x10"), "size 10, found size 4"),
        (("perception=vision-latent", "fusion.body=snake-gpt-7x7"), "no directory and no shipped policy"),
        (
            ("perception=vision", "start.policy=SEES"),
            "sees by an encoder of the kind 'reader': set perception = \"vision-latent\"",
        ),
        (("perception=clip", "start.policy=SEES"), "means 'clip'"),
        (("perception=vision-latent", "start.policy=READS"), 'reads text, but perception = "vision-latent" gives latents'),
    ],
)
def test_eyes_that_cannot_be_are_one_line_before_anything_is_written(overrides, said, reader, tmp_path):
    from ouroloop.policy.snake_gpt import create, save

    task, small = SnakeTask(4), Shape(hidden=16, layers=1, heads=2, intermediate=16)
    (tmp_path / "EMPTY").mkdir()
    if "start.policy=SEES" in overrides:
        eye = eye_of(reader, "reader", task, perfect())
        save_policy(create_seeing(task, small, 0, eye, FusionConfig()), tmp_path / "SEES")
    save(create(task, small, 0), tmp_path / "READS")
    places = {
        "READER": str(reader),
        "SEES": str(tmp_path / "SEES"),
        "READS": str(tmp_path / "READS"),
        "EMPTY": str(tmp_path / "EMPTY"),
    }
    given = [f"{key}={places.get(value, value)}" for key, _, value in (text.partition("=") for text in overrides)]
    with pytest.raises(UsageError) as caught:
        lifecycle.create(micro(SIZE, *SFT, *given), tmp_path / "r", Quiet(notes=False))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()
