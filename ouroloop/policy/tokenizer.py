"""Snake-GPT's tokenizer: a plain fast Hugging Face tokenizer, saved with the model and loaded by `AutoTokenizer`."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from ouroloop.protocols.encoding import MARKS, Encoding


def build_tokenizer(encoding: Encoding) -> PreTrainedTokenizerFast:
    """Return the tokenizer of an encoding: one word per piece of the prompt, padding on the left."""
    words = {text: index for index, text in enumerate(encoding.vocabulary)}
    pad, end, unknown = MARKS
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=unknown))
    between = [pre_tokenizers.Split(Regex(encoding.separator), behavior="removed")] if encoding.separator else []
    pieces = pre_tokenizers.Split(Regex(encoding.pieces), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*between, pieces])
    tokenizer.decoder = decoders.Sequence([decoders.Fuse(), *(decoders.Replace(*joint) for joint in encoding.joints)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        eos_token=end,
        unk_token=unknown,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
