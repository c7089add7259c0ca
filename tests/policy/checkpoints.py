"""Tiny random checkpoints of real architectures, with real fast tokenizers that are trained on our prompts."""

import json
from functools import cache

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GemmaTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from ouroloop.envs.snake.encodings import encoding_of
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.snake_gpt import quiet

BEGIN, END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
VOCABULARY = 640
"""Rows of the embeddings, more than any of the tokenizers has tokens, as is usual."""
KINDS = ("qwen", "gemma", "llama")


def checkpoint(folder, kind, seed=0, tokenizer=None):
    """Write a checkpoint of a kind and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        (TOKENIZERS[kind] if tokenizer is None else tokenizer)(folder)
        torch.manual_seed(seed)
        model = MODELS[kind]()
        # Gains and biases other than 1 and 0, or what folds or drops them would go unnoticed.
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                torch.nn.init.normal_(weight, std=0.3, mean=1.0 if "norm" in name and kind != "gemma" else 0.0)
        model.save_pretrained(folder)
    return folder


def shape(**more):
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "initializer_range": 0.1,
        **more,
    }


MODELS = {
    "qwen": lambda: Qwen2ForCausalLM(Qwen2Config(**shape(bos_token_id=1, eos_token_id=0, tie_word_embeddings=False))),
    "gemma": lambda: Gemma2ForCausalLM(Gemma2Config(**shape(head_dim=16, final_logit_softcapping=0.5, sliding_window=512))),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**shape(bos_token_id=1, eos_token_id=2))),
}


@cache
def texts():
    """What tokenizers are trained on."""
    positions = SnakeTask(6).positions(1, 64).observations()
    return tuple(encoding_of("json", 6).texts(positions))


def qwen_tokenizer(folder):
    """As DeepSeek-R1-Distill-Qwen's: byte-level BPE, one token a digit, a begin-of-text token, padding = end of text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts(), trainer(400, initial_alphabet=alphabet, special_tokens=[END, BEGIN]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN} $B", special_tokens=[(BEGIN, 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"bos_token": BEGIN, "eos_token": END, "pad_token": END, "unk_token": None}
    settings = {"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": True, "add_eos_token": False, **named}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def gemma_tokenizer(folder):
    """BPE over text in which "▁" stands for the space, bytes for what it does not know, <bos> before everything."""
    vocabulary, merges = learned(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *BYTES])
    GemmaTokenizer(vocab=vocabulary, merges=merges, add_bos_token=True).save_pretrained(folder)


def llama_tokenizer(folder):
    """As Llama 2's: the same with a space put before every text, and no padding of its own."""
    vocabulary, merges = learned(["<unk>", "<s>", "</s>", *BYTES])
    LlamaTokenizer(vocab=vocabulary, merges=merges, add_bos_token=True).save_pretrained(folder)


def unigram_tokenizer(folder):
    """A SentencePiece unigram model, whose tokenizer ends every text by itself."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="never"), pre_tokenizers.Digits(individual_digits=True)]
    )
    special = ["<unk>", "</s>", "<pad>"]
    learner = trainers.UnigramTrainer(
        vocab_size=200,
        special_tokens=special,
        unk_token="<unk>",
        initial_alphabet=list("0123456789-#walsHint: "),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts(), "# Hint: distance=1"] * 3, learner)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>", pad_token="<pad>")
    fast.save_pretrained(folder)


def greedy_tokenizer(folder):
    """One that has a token for a line's end and a digit together."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    answered = [f"\n{digit}" for digit in "0123"] * 200
    tokenizer.train_from_iterator(answered, trainer(300, initial_alphabet=alphabet, special_tokens=["<eos>"]))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>").save_pretrained(folder)


def learned(special):
    """Return vocabulary and merges of a BPE that joins no digits and nothing across lines."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Split("\n", "isolated")]
    )
    tokenizer.train_from_iterator(texts(), trainer(500, special_tokens=special, initial_alphabet=list("0123456789")))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def trainer(size, **settings):
    return trainers.BpeTrainer(vocab_size=size, show_progress=False, **settings)


TOKENIZERS = {"qwen": qwen_tokenizer, "gemma": gemma_tokenizer, "llama": llama_tokenizer}
