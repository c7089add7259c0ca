"""The training: it learns to read and to play, gives the same bytes for the same seed, and leaves a usual checkpoint."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from transformers import AutoModelForImageTextToText, AutoProcessor, Gemma3ForConditionalGeneration, Gemma3Processor

from ouroloop.envs.capabilities import oracle_of
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig
from ouroloop.perception.gemma.config import CARD, WEIGHTS, GemmaCard, GemmaConfig
from ouroloop.perception.gemma.eyes import GemmaPlayer, GemmaReader
from ouroloop.perception.gemma.loading import load_gemma
from ouroloop.perception.gemma.training import _Course, train_gemma
from ouroloop.perception.shipped import shelf
from ouroloop.protocols.errors import UsageError
from tests.games.balance.task import BalanceTask
from tests.perception.gemma.conftest import TASK, TINY, quiet


def test_a_short_training_reads_boards_and_plays_moves_that_it_never_saw(trained):
    out, report, told = trained
    assert report.exact > 0.5
    assert report.exact_seen > 0.4
    assert report.alive > 0.7
    losses = [figures for phase, _, figures in told if phase == "training"]
    assert losses[-1]["board"] < losses[0]["board"] / 5
    assert losses[-1]["move"] < losses[0]["move"] / 2
    assert told[-1] == ("reading", 1.0, {"exact": report.exact, "exact_seen": report.exact_seen, "alive": report.alive})
    card = GemmaCard.model_validate_json((out / CARD).read_bytes())
    assert (card.exact, card.alive, card.parameters) == (report.exact, report.alive, report.parameters)
    assert card.sha256 == hashlib.sha256((out / WEIGHTS).read_bytes()).hexdigest()


def test_it_leaves_a_checkpoint_as_others_write_it(trained):
    out, _, _ = trained
    model = AutoModelForImageTextToText.from_pretrained(out, local_files_only=True)
    processor = AutoProcessor.from_pretrained(out, local_files_only=True)
    assert type(model) is Gemma3ForConditionalGeneration
    assert type(processor) is Gemma3Processor
    assert sum(path.stat().st_size for path in out.iterdir()) < 8_000_000
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Read the board."}]}]
    text = processor.apply_chat_template(asked, add_generation_prompt=True)
    inputs = processor(text=[text], images=[np.zeros((32, 32, 3), np.uint8)], return_tensors="pt", add_special_tokens=False)
    ids = inputs["input_ids"][0].tolist()
    assert ids.count(model.config.image_token_index) == model.config.mm_tokens_per_image == TASK.sight.side**2
    assert processor.tokenizer.unk_token_id not in ids


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    short = TINY.model_copy(update={"steps": 2, "boards": 32, "held_out": 8})
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        train_gemma(TASK, short, seed, tmp_path / name, quiet)
    one, again, other = ((tmp_path / name / WEIGHTS).read_bytes() for name in ("one", "again", "other"))
    assert one == again
    assert one != other


def test_each_step_has_noise_of_its_own_and_doubts_by_another_seed(monkeypatch, tmp_path):
    noted, doubts = [], []

    def board_loss(course, rows, camera, rng):
        noted.append(camera.seed)
        doubts.append(rng.random())
        return next(course.gemma.model.parameters()).sum()

    def move_loss(course, rows, camera):
        noted.append(camera.seed)
        return next(course.gemma.model.parameters()).sum()

    monkeypatch.setattr(_Course, "board_loss", board_loss)
    monkeypatch.setattr(_Course, "move_loss", move_loss)
    train_gemma(TASK, TINY.model_copy(update={"steps": 3, "boards": 32, "held_out": 8}), 5, tmp_path / "out", quiet)
    assert len(set(noted)) == 6
    assert not set(doubts) & {np.random.default_rng(seed).random() for seed in noted}


@pytest.mark.parametrize(
    ("task", "said"), [(BalanceTask(), "cannot be read out of its pictures"), (SnakeTask(17), "up to 16x16, not 17x17")]
)
def test_games_that_it_cannot_see_are_refused(tmp_path, task, said):
    with pytest.raises(UsageError, match=said):
        train_gemma(task, TINY, 0, tmp_path / "out", quiet)
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_taken_is_refused(trained):
    with pytest.raises(UsageError, match="exists already"):
        train_gemma(TASK, TINY, 0, trained[0], quiet)


def test_the_one_that_ships_reads_boards_exactly_and_stays_alive():
    """It comes of the default training, which takes ten minutes."""
    found, task = shelf() / "snake-gemma", SnakeTask(6)
    assert GemmaCard.model_validate_json((found / CARD).read_bytes()).config == GemmaConfig()
    gemma, camera = load_gemma(found), Camera(task, CameraConfig())
    engine = task.positions(11, 200)
    seen, deadly = engine.observations(), oracle_of(task).regret(engine) >= 1
    assert GemmaReader(gemma, task).read(camera.look(seen)).exact(seen).mean() >= 0.98
    chosen = GemmaPlayer(gemma, task, camera).logits(seen).argmax(1)
    assert deadly[np.arange(200), chosen][~deadly.all(1)].mean() <= 0.03
