"""A general tokenizer lies between the least that its pattern allows and one token a byte, and loses nothing."""

import numpy as np

from ouroloop.bench.peers.general_tokens import general_tokenizer, general_tokens, least_tokens
from ouroloop.envs.snake.encodings import ENCODINGS, encoding_of
from tests.envs.snake.encodings.boards import random_batch


def test_the_pattern_splits_digits_and_joins_punctuation():
    assert least_tokens(["[12,3],[4,0]"]) == [len(["[", "1", "2", ",", "3", "],[", "4", ",", "0", "]"])]


def test_bounds_and_order():
    observations = random_batch(10, 5, 2, np.random.default_rng(0))
    for name in ENCODINGS:
        texts = encoding_of(name, 10).texts(observations)
        found = general_tokens(texts)
        for least, tokens, text in zip(least_tokens(texts), found, texts, strict=True):
            assert least <= tokens < len(text)
    assert general_tokenizer() is general_tokenizer()
    assert general_tokenizer().encode("### Instruction").tokens == ["###", "ĠInstruction"]
