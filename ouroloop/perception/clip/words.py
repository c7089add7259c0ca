"""The small CLIP's tokenizer: one id per word of its captions, as a Hugging Face tokenizer that open_clip reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Iterable

PAD, UNK, EOS = 0, 1, 2
"""Token ids: padding, an unknown word, the end, at which the text tower pools."""
MARKS: Final = ("<pad>", "<unk>", "<eos>")
WORD: Final = r"\[-?\d+,-?\d+\]|-?\d+(?: -?\d+)*|\w+"
"""A word. Numbers that stand together name a place (`3 4`, `[3,4]`), so they are one word. Punctuation is left out."""


def words_in(text: str) -> list[str]:
    """Return the words of a text in order."""
    return re.findall(WORD, text)


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows the words of these texts. It ends each text by `EOS`."""
    known = sorted({word for text in texts for word in words_in(text)})
    ids = {word: index for index, word in enumerate((*MARKS, *known))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=MARKS[UNK]))
    # `invert` takes what the expression matches for pieces, and removes what lies between.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {MARKS[EOS]}", special_tokens=[(MARKS[EOS], EOS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=MARKS[PAD],
        unk_token=MARKS[UNK],
        eos_token=MARKS[EOS],
        padding_side="left",
        truncation_side="right",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
