"""Snake-GPT's tokenizer: a plain fast Hugging Face tokenizer, saved with the model and loaded by `AutoTokenizer`."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from ouroloop.envs.snake.encodings import Encoding
from ouroloop.envs.snake.encodings.port import SEPARATOR


def build_tokenizer(encoding: Encoding) -> PreTrainedTokenizerFast:
    """Return the tokenizer of an encoding: one word per piece of the prompt, padding on the left."""
    words = {text: index for index, text in enumerate(encoding.vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))  # noqa: S106 - a token of text, no secret
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SEPARATOR), behavior="removed"),
            pre_tokenizers.Split(Regex(encoding.pieces), behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.Fuse(), decoders.Replace("][", "],["), decoders.Replace('""', '","')])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106
        eos_token="<eos>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
