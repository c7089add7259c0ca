"""Bases: their tokens, prompts, logits, training, directories and refusals, on tiny checkpoints of real architectures."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from ouroloop.envs.snake.encodings.hints import food_distances
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.state import PENDING
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import HfPolicy, directory, load_base, open_policy, player_of, save_policy, train_in_float32
from ouroloop.policy.bases.directory import ADAPTER, CARD
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.settings import LoraSettings
from ouroloop.policy.sft.data import Teaching, teach
from ouroloop.policy.sft.trainer import lesson_loss
from ouroloop.policy.snake_gpt import SnakeGPT, load, quiet
from ouroloop.protocols.errors import SurroundingsError, UsageError
from tests.envs.snake.encodings.boards import random_batch
from tests.games.balance.task import BalanceTask
from tests.policy.checkpoints import BEGIN, KINDS, checkpoint, greedy_tokenizer, texts, unigram_tokenizer

LORA = LoraSettings(rank=4, dropout=0.0)
TINY = {"task": SnakeTask(6), "encoding": "json", "dtype": torch.float32}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    return {kind: checkpoint(folder / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def bases(checkpoints):
    """One of each kind, to be read only."""
    return {kind: load_base(folder, hint=True, **TINY) for kind, folder in checkpoints.items()}


@pytest.fixture(scope="module")
def seen(task):
    return task.positions(1, 12).observations()


def own_logits(policy, observations):
    """The model's own logits after each prompt, asked for one prompt at a time and thus without padding."""
    ids, mask = policy.encode(observations)
    with torch.no_grad():
        rows = [
            policy.model(input_ids=torch.from_numpy(row[keep])[None].long()).logits[0, -1]
            for row, keep in zip(ids, mask, strict=True)
        ]
    return torch.stack(rows).float().numpy()


# Words


@pytest.mark.parametrize("kind", KINDS)
def test_actions_are_the_tokens_that_the_tokenizer_makes(bases, checkpoints, seen, kind):
    policy, tokenizer = bases[kind], AutoTokenizer.from_pretrained(checkpoints[kind])
    prompt = policy.texts(seen)[0]
    ids, mask = policy.encode(seen.take([0]))
    for action, token in enumerate(policy.actions):
        assert tokenizer(f"{prompt}{action}").input_ids == [*ids[0][mask[0]].tolist(), token]
        assert tokenizer.decode([token]) == str(action)
    assert policy.end == tokenizer.eos_token_id


def test_a_tokenizer_that_ends_texts_by_itself(tmp_path, seen):
    policy = load_base(checkpoint(tmp_path / "u", "llama", tokenizer=unigram_tokenizer), **TINY)
    ids, mask = policy.encode(seen.take([0]))
    for action, token in enumerate(policy.actions):
        expected = policy.tokenizer(f"{policy.texts(seen)[0]}{action}").input_ids
        assert expected == [*ids[0][mask[0]].tolist(), token, policy.end]


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_are_what_the_tokenizer_makes_of_the_texts(bases, seen, kind):
    policy = bases[kind]
    batch = policy.tokenizer(policy.texts(seen), padding=True, return_tensors="np")
    ids, mask = policy.encode(seen)
    assert (ids.dtype, mask.dtype) == (np.int32, np.bool_)
    assert np.array_equal(ids, batch.input_ids)
    assert np.array_equal(mask, batch.attention_mask)
    assert set(ids[:, -1].tolist()) == {ids[0, -1]}  # padded on the left


def test_opening_is_the_tokenizers_own(bases, seen):
    begin = {kind: policy.tokenizer.bos_token for kind, policy in bases.items()}
    assert begin == {"qwen": BEGIN, "gemma": "<bos>", "llama": "<s>"}
    for policy in bases.values():
        ids, mask = policy.encode(seen)
        assert [row[keep][0] for row, keep in zip(ids, mask, strict=True)] == [policy.tokenizer.bos_token_id] * len(ids)


@given(walls=st.integers(0, 3), seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS))
def test_no_prompt_contains_padding_or_end(bases, walls, seed, kind):
    policy = bases[kind]
    ids, mask = policy.encode(random_batch(6, 3, walls, np.random.default_rng(seed)))
    assert np.array_equal(mask, ids != policy.pad)
    assert policy.end not in ids
    assert policy.pad != policy.end
    assert not set(policy.actions) & {policy.pad, policy.end}


def test_tokenizers_without_what_is_needed(tmp_path):
    with pytest.raises(UsageError, match="no single token for the action '0'"):
        load_base(checkpoint(tmp_path / "greedy", "llama", tokenizer=greedy_tokenizer), **TINY)

    def changed(**without):
        def write(folder):
            unigram_tokenizer(folder)
            for name, keys in without.items():
                path = folder / f"{name}.json"
                path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k not in keys}))

        return write

    with pytest.raises(UsageError, match="no token that ends a text"):
        load_base(checkpoint(tmp_path / "endless", "llama", tokenizer=changed(tokenizer_config=["eos_token"])), **TINY)
    with pytest.raises(UsageError, match=r"no token for .*, which prompts in the encoding 'ascii'"):
        load_base(checkpoint(tmp_path / "short", "llama", tokenizer=unigram_tokenizer), **TINY | {"encoding": "ascii"})


# Hints


def test_hint_ends_the_instruction(bases, checkpoints, seen):
    plain, hinted = load_base(checkpoints["qwen"], **TINY).texts(seen), bases["qwen"].texts(seen)
    for without, text, distance in zip(plain, hinted, food_distances(seen), strict=True):
        assert text == without.replace("\n\n### Response:\n", f"\n# Hint: distance={distance}\n\n### Response:\n")


@given(size=st.integers(4, 9), walls=st.integers(0, 4), seed=st.integers(0, 2**32))
def test_distances_are_the_games_own(size, walls, seed):
    observations = random_batch(size, 4, walls, np.random.default_rng(seed))
    assert np.array_equal(food_distances(observations), SnakeEngine.of(observations).state.table[:, PENDING])


def test_no_food_no_hint(bases, checkpoints):
    observations = random_batch(6, 2, 0, np.random.default_rng(3), food_everywhere=False)
    assert food_distances(observations)[0] == -1
    assert "Hint" not in bases["qwen"].texts(observations)[0]
    assert "Hint" in bases["qwen"].texts(observations)[1]


# Playing


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_the_models_own(bases, seen, kind):
    policy = bases[kind]
    player, expected = HfPolicy(policy), own_logits(policy, seen)
    assert player.logits(seen).shape == (12, 4)
    assert player.logits(seen).dtype == np.float32
    assert np.allclose(player.logits(seen), expected[:, policy.actions], atol=2e-5)
    assert np.allclose(player.token_logits(seen), expected, atol=2e-5)
    assert np.ptp(expected[:, policy.actions], axis=1).min() > 0.01
    assert player.logits(seen.take([])).shape == (0, 4)


def test_capped_logits_are_capped(bases, seen):
    """The head of this checkpoint is large enough for Gemma 2's cap to show, or the test above would not see it missing."""
    logits = HfPolicy(bases["gemma"]).logits(seen)
    assert 0.25 < abs(logits).max() <= 0.5


def test_snake_gpt_is_played_like_by_its_own_player(untrained, task):
    policy, seen = load(untrained), task.positions(2, 30).observations()
    local, any_ = LocalPolicy(policy), HfPolicy(policy)
    assert np.allclose(local.logits(seen), any_.logits(seen), atol=1e-5)
    assert np.allclose(local.token_logits(seen), any_.token_logits(seen), atol=1e-5)
    assert isinstance(player_of(policy), LocalPolicy)


def test_batches_change_nothing(bases, seen):
    policy, sizes = bases["llama"], []
    hook = policy.model.model.register_forward_pre_hook(
        lambda _, __, inputs: sizes.append(inputs["input_ids"].shape), with_kwargs=True
    )
    small = HfPolicy(policy, batch_tokens=300).logits(seen)
    hook.remove()
    assert sum(rows for rows, _ in sizes) == len(seen)
    assert len(sizes) > 3
    assert all(rows * width <= 300 or rows == 1 for rows, width in sizes)
    assert np.allclose(small, HfPolicy(policy).logits(seen), atol=2e-5)
    assert isinstance(player_of(policy), HfPolicy)


def test_out_of_memory_halves_the_batch_and_says_so_once(bases, seen):
    policy, told = bases["qwen"], []
    expected = HfPolicy(policy).logits(seen)

    def scarce(_, __, inputs):
        if len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    player = HfPolicy(policy, told=told.append)
    hook = policy.model.register_forward_pre_hook(scarce, with_kwargs=True)
    try:
        found = player.logits(seen)
        assert np.allclose(found, expected, atol=2e-5)
        assert len(told) == 1
        assert "out of memory with batches of 16384 tokens: goes on with" in told[0]
        player.batch_tokens = 16_384
        player.logits(seen)
        assert len(told) == 1
    finally:
        hook.remove()
    assert policy.model.get_output_embeddings().weight.shape[0] > 4


def test_no_memory_at_all_and_other_failures(bases, seen):
    policy = bases["qwen"]
    for error, wanted in (
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"), SurroundingsError),
        (MemoryError(), SurroundingsError),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), RuntimeError),
    ):

        def fail(*_, error=error):
            raise error

        hook = policy.model.register_forward_pre_hook(fail)
        try:
            with pytest.raises(wanted):
                HfPolicy(policy).logits(seen)
        finally:
            hook.remove()


def test_playing_leaves_the_model_as_it_was(checkpoints, seen):
    policy = load_base(checkpoints["qwen"], adapter=LoraSettings(rank=4, dropout=0.5), **TINY)
    policy.model.train()
    head = policy.model.get_base_model().get_output_embeddings()
    first, second = (HfPolicy(policy).logits(seen) for _ in range(2))
    assert np.array_equal(first, second)  # nothing is dropped out
    assert policy.model.training
    assert policy.model.get_base_model().get_output_embeddings() is head


# Training


@pytest.fixture(scope="module")
def lessons(task):
    return teach(task, Teaching("greedy", 0.0, equals=False), 8, 2, noise=0.0)


def train(policy, lessons, steps=6, between=lambda: None):
    """Train by the loss of supervised fine-tuning; return the losses."""
    ids, mask = policy.encode(lessons.positions)
    weights = [weight for weight in policy.model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=5e-3)
    losses = []
    for _ in range(steps):
        between()
        policy.model.train()
        loss, logits = lesson_loss(policy.model, policy, ids, mask, torch.from_numpy(lessons.targets))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert logits.shape[0] == len(lessons)
    policy.model.eval()
    return losses


@pytest.mark.parametrize(("kind", "quantisation"), [("qwen", "none"), ("gemma", "none"), ("llama", "int8"), ("qwen", "nf4")])
def test_adapters_learn_and_nothing_else_changes(checkpoints, lessons, seen, kind, quantisation):
    policy = load_base(checkpoints[kind], adapter=LORA, quantisation=quantisation, **TINY)
    before = {name: value.clone() for name, value in policy.model.state_dict().items()}
    player = HfPolicy(policy)
    # A player looks in between, as in DAgger rounds: 4-bit layers must not be laid out for it so that learning ends.
    losses = train(policy, lessons, between=lambda: player.logits(seen))
    assert losses[-1] < 0.97 * losses[0]
    # What bitsandbytes computes with is rounded to bfloat16 once, biases included.
    changed = {
        name
        for name, value in policy.model.state_dict().items()
        if not torch.equal(value, before[name].to(value.dtype)) and not torch.equal(value, before[name])
    }
    assert changed == {name for name in before if "lora_" in name}
    assert all(name.split(".")[-4] != "lm_head" for name in changed)


def test_same_seed_same_adapter(checkpoints):
    torch.manual_seed(5)
    drawn = torch.get_rng_state()
    first, second, other = (load_base(checkpoints["qwen"], adapter=LORA, seed=seed, **TINY).model for seed in (1, 1, 2))
    assert torch.equal(drawn, torch.get_rng_state())
    name = next(name for name in first.state_dict() if "lora_A" in name)
    assert torch.equal(first.state_dict()[name], second.state_dict()[name])
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])
    assert first.peft_config["default"].lora_alpha == 8


def test_what_is_trained_stays_in_float32(checkpoints):
    policy = load_base(checkpoints["qwen"], SnakeTask(6), encoding="json", adapter=LORA, dtype=torch.bfloat16)
    policy.model.to(torch.bfloat16)  # as TRL does with adapters on quantised bases
    train_in_float32(policy.model)
    found = {weight.requires_grad: weight.dtype for weight in policy.model.parameters()}
    assert found == {True: torch.float32, False: torch.bfloat16}


def test_checkpointing_changes_no_gradient(checkpoints, lessons):
    lessons = lessons.take(np.arange(4))
    gradients = []
    for checkpointing in (False, True):
        policy = load_base(checkpoints["qwen"], adapter=LORA, checkpointing=checkpointing, **TINY)
        policy.model.train()
        assert policy.model.get_base_model().is_gradient_checkpointing == checkpointing
        loss, _ = lesson_loss(policy.model, policy, *policy.encode(lessons.positions), torch.from_numpy(lessons.targets))
        loss.backward()
        gradients.append([weight.grad for weight in policy.model.parameters() if weight.requires_grad])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))
    assert any(gradient.any() for gradient in gradients[0])


# Directories


@pytest.fixture(scope="module")
def trained(checkpoints, lessons):
    policy = load_base(checkpoints["qwen"], adapter=LORA, hint=True, **TINY)
    train(policy, lessons)
    return policy


def test_adapter_survives_the_disk(trained, seen, tmp_path):
    save_policy(trained, tmp_path / "p")
    again = open_policy(tmp_path / "p", task=SnakeTask(6), dtype=torch.float32)
    assert np.array_equal(HfPolicy(trained).logits(seen), HfPolicy(again).logits(seen))
    assert not any(weight.requires_grad for weight in again.model.parameters())
    assert (again.words, again.hint, again.adapter, again.origin) == (trained.words, True, LORA, trained.origin)
    assert sum(file.stat().st_size for file in (tmp_path / "p").iterdir()) < 200_000
    named = json.loads((tmp_path / "p" / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert named == json.loads((tmp_path / "p" / CARD).read_text())["base"] == trained.origin.name


def test_adapter_is_trained_further(trained, lessons, tmp_path):
    save_policy(trained, tmp_path / "p")
    again = open_policy(tmp_path / "p", trainable=True, dtype=torch.float32)
    fresh = load_base(trained.origin.name, adapter=LORA, hint=True, **TINY)
    losses = train(again, lessons, steps=3)
    assert losses[-1] < losses[0] < 0.9 * train(fresh, lessons, steps=1)[0]


@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_merged_adapter_is_a_plain_checkpoint(checkpoints, lessons, seen, tmp_path, quantisation):
    policy = load_base(checkpoints["gemma"], adapter=LORA, quantisation=quantisation, **TINY)
    train(policy, lessons, steps=3)
    save_policy(policy, tmp_path / "adapter")
    save_policy(policy, tmp_path / "merged", merge=True)
    assert not (tmp_path / "merged" / ADAPTER).exists()
    expected = open_policy(tmp_path / "adapter", quantisation="none", dtype=torch.float32)
    merged = open_policy(tmp_path / "merged", task=SnakeTask(6), dtype=torch.float32)
    assert np.allclose(HfPolicy(expected).logits(seen), HfPolicy(merged).logits(seen), atol=1e-5)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert np.allclose(own_logits(replace(merged, model=plain), seen), own_logits(expected, seen), atol=2e-5)
    assert np.array_equal(
        AutoTokenizer.from_pretrained(tmp_path / "merged")(texts()[0]).input_ids, policy.tokenizer(texts()[0]).input_ids
    )


def test_whole_models_too(checkpoints, lessons, seen, tmp_path):
    policy = load_base(checkpoints["llama"], **TINY | {"encoding": "cells"})
    losses = train(policy, lessons, steps=4)
    assert losses[-1] < losses[0]
    save_policy(policy, tmp_path / "p")
    again = open_policy(tmp_path / "p", task=SnakeTask(6), dtype=torch.float32)
    assert np.array_equal(HfPolicy(policy).logits(seen), HfPolicy(again).logits(seen))
    assert again.encoding.name == "cells"


def test_snake_gpt_by_the_same_door(untrained, tmp_path):
    policy = open_policy(untrained, task=SnakeTask(6))
    assert isinstance(policy, SnakeGPT)
    save_policy(policy, tmp_path / "p")
    assert isinstance(open_policy(tmp_path / "p"), SnakeGPT)
    with pytest.raises(UsageError, match="no policy directory"):
        open_policy(tmp_path)


# Refusals


def test_models_that_are_not_here(tmp_path, checkpoints, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        SurroundingsError, match=r"google/gemma-2-9b is not on this machine.*`hf download google/gemma-2-9b`"
    ) as found:
        load_base("google/gemma-2-9b", SnakeTask(6), encoding="json")
    assert str(tmp_path) in str(found.value)
    with pytest.raises(UsageError, match="is no directory, and no name of a model"):
        load_base(tmp_path / "no" / "such" / "place", SnakeTask(6), encoding="json")
    with pytest.raises(UsageError, match=r"config\.json is missing"):
        load_base(tmp_path, SnakeTask(6), encoding="json")
    # As the Hub's client lays a model out that it has fetched.
    kept = tmp_path / "models--google--gemma-2-9b"
    shutil.copytree(checkpoints["gemma"], kept / "snapshots" / ("a" * 40))
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("a" * 40)
    policy = load_base("google/gemma-2-9b", **TINY)
    assert (policy.origin.name, policy.origin.revision) == ("google/gemma-2-9b", "a" * 40)
    with pytest.raises(SurroundingsError, match="--revision v2"):
        load_base("google/gemma-2-9b", SnakeTask(6), encoding="json", revision="v2")


def test_other_tasks_boards_and_observations(trained, task, tmp_path):
    save_policy(trained, tmp_path / "p")
    with pytest.raises(UsageError, match="size 6, found size 8"):
        open_policy(tmp_path / "p", task=SnakeTask(8))
    with pytest.raises(UsageError, match="the game snake, found balance"):
        open_policy(tmp_path / "p", task=BalanceTask())
    with pytest.raises(UsageError, match="boards of 6, found observations of size 8"):
        trained.encode(random_batch(8, 1, 0, np.random.default_rng(1)))
    with pytest.raises(UsageError, match="encoding 'morse' is not known"):
        load_base(trained.origin.name, SnakeTask(6), encoding="morse")
    trained.model.config.max_position_embeddings, limit = 40, trained.model.config.max_position_embeddings
    with pytest.raises(UsageError, match="reads 40; choose a shorter encoding"):
        trained.encode(task.positions(1, 4).observations())
    trained.model.config.max_position_embeddings = limit
    (tmp_path / "p" / CARD).write_text("{}")
    with pytest.raises(UsageError, match=r"base\.json is damaged"):
        open_policy(tmp_path / "p")


def test_adapter_of_another_base(trained, tmp_path):
    save_policy(trained, tmp_path / "p")
    twin = checkpoint(tmp_path / "twin", "qwen", seed=1)  # the same in all but its weights
    with pytest.raises(UsageError, match="belongs to another base than"):
        open_policy(tmp_path / "p", base=str(twin))
    moved = shutil.copytree(trained.origin.name, tmp_path / "moved")
    assert open_policy(tmp_path / "p", base=str(moved)).origin.name == str(moved)
    weights = load_file(tmp_path / "p" / ADAPTER)
    save_file(dict(list(weights.items())[2:]), tmp_path / "p" / ADAPTER)
    with pytest.raises(UsageError, match="is in one of them only"):
        open_policy(tmp_path / "p")
    (tmp_path / "p" / ADAPTER).write_bytes(b"nonsense")
    with pytest.raises(UsageError, match=r"the weights of the adapter in .* cannot be read"):
        open_policy(tmp_path / "p")


def test_an_adapter_is_checked_before_its_base_is_read(trained, tmp_path, monkeypatch):
    save_policy(trained, tmp_path / "p")
    (tmp_path / "p" / ADAPTER).write_bytes(b"nonsense")
    monkeypatch.setattr(directory, "read_tokenizer", None)
    with pytest.raises(UsageError, match=r"the weights of the adapter in .* cannot be read"):
        open_policy(tmp_path / "p")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")])
def test_a_lack_of_memory_is_no_damage(checkpoints, monkeypatch, error):
    def none_left(*_, **__):
        raise error

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", none_left)
    with pytest.raises(SurroundingsError, match=r"out of memory with the weights of .*qwen: quantise it, or choose another"):
        load_base(checkpoints["qwen"], **TINY)


def test_another_vocabulary(trained, tmp_path):
    save_policy(trained, tmp_path / "p", merge=True)
    path = tmp_path / "p" / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    words = tokenizer["model"]["vocab"]
    words["0"], words["1"] = words["1"], words["0"]
    path.write_text(json.dumps(tokenizer))
    with pytest.raises(UsageError, match=r"another vocabulary: its actions are the tokens \[17, 18, 19, 20\]"):
        open_policy(tmp_path / "p")


def test_damaged_checkpoints(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["qwen"], tmp_path / "c")
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    save_file({k: v for k, v in weights.items() if k != name}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=f"has no usable {name}"):
        load_base(folder, **TINY)
    save_file(weights | {name: weights[name][:-1]}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=name):
        load_base(folder, **TINY)
    whole = (checkpoints["qwen"] / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"the weights of .* cannot be read"):
        load_base(folder, **TINY)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="no weights in the safetensors format"):
        load_base(folder, **TINY)


def test_models_of_another_kind(checkpoints, tmp_path):
    with quiet():
        PreTrainedTokenizerFast.from_pretrained(checkpoints["qwen"]).save_pretrained(tmp_path)
        shape = {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 16,
            "vocab_size": 400,
        }
        BertForMaskedLM(BertConfig(**shape)).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="is a BertForMaskedLM, expected a causal language model"):
        load_base(tmp_path, **TINY)
    (tmp_path / "config.json").write_text('{"model_type": "unheard-of"}')
    with pytest.raises(UsageError, match=r"the configuration of .* cannot be read"):
        load_base(tmp_path, **TINY)


def test_nothing_to_save(checkpoints, tmp_path):
    with pytest.raises(UsageError, match="nothing to save"):
        save_policy(load_base(checkpoints["qwen"], quantisation="int8", **TINY), tmp_path / "p")
    assert list(tmp_path.iterdir()) == []
