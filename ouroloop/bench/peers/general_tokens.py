"""What a prompt costs a general language model: tokens of a byte-level BPE that was made for no encoding. No torch.

No tokenizer of a real base comes with this package. Instead, a similar one is trained on text that comes with every Python:
the standard library, which is English and code. Text is first cut into words by the pattern of Qwen 2.5, whose tokenizer
DeepSeek-R1-Distill-Qwen-7B has, too: runs of letters, single digits, runs of punctuation. BPE joins nothing across words, so
the number of words is a lower bound for every tokenizer with this pattern, however much text it was trained on.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

VOCABULARY: Final = 32_000
"""Vocabulary size of the tokenizer that is trained here; real ones have four to eight times as many tokens."""


@cache
def words() -> pre_tokenizers.PreTokenizer:
    """Return the step that cuts text into words."""
    return pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated")


@cache
def general_tokenizer() -> Tokenizer:
    """Return a byte-level BPE tokenizer (Sennrich et al. 2016), trained within seconds on the standard library's modules."""
    tokenizer = Tokenizer(models.BPE())
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words(), bytes_of])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, show_progress=False, initial_alphabet=alphabet)
    tokenizer.train([str(path) for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))], trainer)
    return tokenizer


def general_tokens(texts: Sequence[str]) -> list[int]:
    """Return how many tokens `general_tokenizer` makes of each text."""
    return [len(encoded.ids) for encoded in general_tokenizer().encode_batch(list(texts))]


def least_tokens(texts: Sequence[str]) -> list[int]:
    """Return each text's number of words: no tokenizer with the same pattern makes fewer tokens."""
    return [len(words().pre_tokenize_str(text)) for text in texts]
