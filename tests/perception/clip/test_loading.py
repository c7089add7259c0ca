"""CLIPs by name and by directory: open_clip reads ours, we read open_clip's, and whatever is wrong is one line."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import socket

import numpy as np
import open_clip
import pytest
import torch
from huggingface_hub import constants

from ouroloop.perception.clip import loading
from ouroloop.perception.clip.loading import load_clip
from ouroloop.perception.clip.model import CONFIG, WEIGHTS
from ouroloop.protocols.errors import OuroloopError, SurroundingsError, UsageError
from tests.perception.clip.conftest import TASK


@pytest.fixture(autouse=True)
def lonely(monkeypatch, tmp_path):
    """Cut the network off and empty the caches."""

    def refuse(*args, **kwargs):
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(loading, "URL_CACHE", tmp_path / "urls")


@pytest.fixture
def copy(trained, tmp_path):
    """Return a copy of the tiny CLIP's directory, to be damaged."""
    return shutil.copytree(trained[0], tmp_path / "copy")


def changed(folder, tower, **settings):
    """Change a tower's settings in a directory, or what is done to pictures."""
    config = json.loads((folder / CONFIG).read_text())
    (config if tower == "preprocess_cfg" else config["model_cfg"])[tower] |= settings
    (folder / CONFIG).write_text(json.dumps(config))


def test_open_clip_itself_reads_what_was_trained(trained):
    ours = load_clip(trained[0])
    theirs = open_clip.create_model(f"local-dir:{trained[0]}").eval()
    texts = TASK.sight.captions(TASK.positions(1, 5).observations())
    ids = open_clip.get_tokenizer(f"local-dir:{trained[0]}")(texts)
    assert torch.equal(ids, ours.tokenize(texts))
    assert (ids == 1).sum() == 0
    pixels = TASK.render(TASK.positions(1, 5).observations())
    with torch.inference_mode():
        same = theirs.encode_image(ours.inputs(pixels), normalize=True).numpy()
    np.testing.assert_allclose(ours.of_pictures(pixels), same, atol=1e-5)
    lengths = np.linalg.norm(ours.of_texts(texts), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_a_cached_repository_is_a_directory(trained, tmp_path):
    snapshot = tmp_path / "cache" / "models--owner--snake-clip" / "snapshots" / ("0" * 40)
    shutil.copytree(trained[0], snapshot)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    assert load_clip("hf-hub:owner/snake-clip").width == 32


def test_a_tags_weights_are_taken_from_the_caches_safetensors_first(tmp_path):
    snapshot = tmp_path / "cache" / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K" / "snapshots" / ("0" * 40)
    refs = snapshot.parents[1] / "refs"
    for folder in (snapshot, refs, tmp_path / "urls"):
        folder.mkdir(parents=True)
    (refs / "main").write_text("0" * 40)
    (snapshot / "open_clip_pytorch_model.bin").touch()
    assert loading._weights("ViT-B-32", "laion2b_s34b_b79k")[0].name == "open_clip_pytorch_model.bin"
    (snapshot / WEIGHTS).touch()
    assert loading._weights("ViT-B-32", "laion2b_s34b_b79k")[0] == snapshot / WEIGHTS
    (tmp_path / "urls" / "rn50-quickgelu-cc12m-f000538c.pt").touch()
    assert loading._weights("RN50", "cc12m")[0].parent == tmp_path / "urls"


def test_pictures_of_any_size_are_resized_and_other_things_refused(trained):
    clip = load_clip(trained[0])
    assert clip.inputs(np.zeros((2, 50, 50, 3), np.uint8)).shape == (2, 3, 32, 32)
    for wrong, said in (
        (np.zeros((2, 32, 32), np.uint8), "pictures are grey"),
        (np.zeros((2, 32, 32, 4), np.uint8), "leave out the fourth channel"),
        (np.zeros((2, 32, 32, 3), np.float32), "as uint8"),
        (np.zeros((2, 0, 32, 3), np.uint8), "0 x 32 pixels"),
        (np.zeros((2, 50, 70, 3), np.uint8), "50 x 70 pixels, expected square ones"),
    ):
        with pytest.raises(UsageError, match=said):
            clip.of_pictures(wrong)


@pytest.mark.parametrize(
    ("name", "pretrained", "kind", "said"),
    [
        ("ViT-B-33", "openai", UsageError, "did you mean ViT-B-32"),
        ("ViT-B-32", "", UsageError, "needs pretrained weights, none are given"),
        ("ViT-B-32", "opnai", UsageError, "did you mean openai"),
        ("ViT-B-32", "openai", SurroundingsError, "not on this machine"),
        ("RN50", "cc12m", SurroundingsError, "not on this machine"),
        ("hf-hub:owner/none", "", SurroundingsError, "hf download owner/none"),
        ("hf-hub:no name", "", UsageError, "no name of a model"),
        ("roberta-ViT-B-32", "random", SurroundingsError, "files that are not on this machine"),
        ("nowhere/at-all", "", UsageError, "there is no such directory"),
    ],
)
def test_what_is_not_there_is_one_line(name, pretrained, kind, said):
    with pytest.raises(kind, match=said) as caught:
        load_clip(name, pretrained)
    assert "\n" not in str(caught.value)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def trap(folder):
    """Put a pickle that writes a file in place of the weights."""
    (folder / WEIGHTS).unlink()
    torch.save({"logit_scale": Trap(folder / "sprung")}, folder / "open_clip_pytorch_model.bin")


def damage_nothing_there(folder):
    (folder / WEIGHTS).unlink()


def damage_cut(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-4])


def damage_json(folder):
    (folder / CONFIG).write_text("{")


def damage_kind(folder):
    (folder / CONFIG).unlink()
    (folder / "config.json").write_text("{}")


def damage_huge(folder):
    changed(folder, "vision_cfg", width=8192, head_width=8192, layers=64)


def damage_code(folder):
    changed(folder, "text_cfg", tokenizer_kwargs={"trust_remote_code": True})


def damage_text(folder):
    changed(folder, "text_cfg", hf_model_name="owner/model")


def damage_eyes(folder):
    changed(folder, "vision_cfg", timm_model_name="hf-hub:owner/model")


def damage_key(folder):
    changed(folder, "vision_cfg", colour="red")


def damage_limit(folder):
    changed(folder, "text_cfg", context_length=10**9)


def damage_timm(folder):
    changed(folder, "vision_cfg", timm_model_name="vit_base_patch16_224")


def damage_text_beside_timm(folder):
    changed(folder, "vision_cfg", timm_model_name="test_vit")
    changed(folder, "text_cfg", width=4096, layers=256)


def damage_depth(folder):
    changed(folder, "vision_cfg", layers=2)


def damage_mean(folder):
    changed(folder, "preprocess_cfg", mean=[0.5, 0.5])


def damage_std(folder):
    changed(folder, "preprocess_cfg", std=[0.5, 0.0, 0.5])


def damage_nan(folder):
    changed(folder, "preprocess_cfg", mean=[0.5, 0.5, float("nan")])


def damage_pipe(folder):
    os.mkfifo(folder / "special_tokens_map.json")


def damage_large(folder):
    with (folder / "chat_template.jinja").open("wb") as file:
        file.truncate(5_000_000)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_timm, r"its configuration has \d{8} numbers"),
        (damage_text_beside_timm, r"its configuration has \d{11} numbers"),
        (damage_depth, "cannot be made: .*Missing key"),
        (damage_mean, "preprocess_cfg.mean"),
        (damage_std, "preprocess_cfg.std.1"),
        (damage_nan, "preprocess_cfg.mean.2"),
        (damage_pipe, "special_tokens_map.json is no regular file"),
        (damage_large, "chat_template.jinja has 5000000 bytes"),
        (trap, "a pickle, which could run code"),
        (damage_nothing_there, "its weights are missing"),
        (damage_cut, "cannot be made"),
        (damage_json, "cannot be read"),
        (damage_kind, "it is a transformers model"),
        (damage_huge, r"its configuration has \d+ numbers"),
        (damage_code, "clean and strip_sep_token alone"),
        (damage_text, "text tower from the Hugging Face Hub"),
        (damage_eyes, "vision tower from elsewhere"),
        (damage_key, "which open_clip does not know"),
        (damage_limit, "at most 4096 is possible"),
    ],
)
def test_a_directory_from_a_stranger_is_refused_in_one_line_and_runs_nothing(copy, damage, said):
    load_clip(copy)
    damage(copy)
    with pytest.raises(UsageError, match=said) as caught:
        load_clip(copy)
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (copy / "sprung").exists()


def test_a_file_of_weights_runs_nothing(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(pickle.dumps({"a": Trap(tmp_path / "sprung")}))
    with pytest.raises(OuroloopError) as caught:
        load_clip("ViT-S-32-alt", str(path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()
    (tmp_path / "weights.npz").write_bytes(b"")
    with pytest.raises(UsageError, match=r"end in \.npz"):
        load_clip("ViT-S-32-alt", str(tmp_path / "weights.npz"))


def test_a_damaged_tokenizer_is_told_when_the_first_text_comes(copy):
    clip = load_clip(copy)
    (copy / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match="the tokenizer of the CLIP"):
        clip.of_texts(["the apple"])


def change_tokenizer(folder, name, change):
    """Change a JSON file of a directory's tokenizer in place."""
    table = json.loads((folder / name).read_text())
    change(table)
    (folder / name).write_text(json.dumps(table))


def forget_padding(table):
    table["pad_token"] = None


def renumber(table):
    table["model"]["vocab"]["apple"] = 10**6


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [("tokenizer_config.json", forget_padding, "fails: .*pad"), ("tokenizer.json", renumber, "does not fit its text tower")],
)
def test_a_tokenizer_that_fails_at_a_text_is_told_in_one_line(copy, name, change, said):
    change_tokenizer(copy, name, change)
    clip = load_clip(copy)
    with pytest.raises(UsageError, match=said) as caught:
        clip.of_texts(["the apple"])
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_model_of_open_clip_by_name_sees_without_training():
    state = torch.get_rng_state()
    one, two = (load_clip("ViT-S-32-alt", "random", seed=3) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    pixels = TASK.render(TASK.positions(1, 2).observations())
    assert (one.of_pictures(pixels) == two.of_pictures(pixels)).all()
    assert one.of_texts(["the apple"]).shape == (1, one.width)
