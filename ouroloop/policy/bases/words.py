"""The actions and prompts as ids of a tokenizer that was made for another purpose. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ouroloop.protocols.encoding import Encoding


@dataclass(frozen=True, slots=True)
class Words:
    """Token ids with a meaning to us.

    Args:
        actions: the single token of each action's numeral, as it appears after a prompt.
        end: ends an answer.
        pad: fills up prompts; it is neither `end` nor part of any prompt, so a mask made from the ids alone is correct too.
        opening: what the tokenizer adds before every text: the begin-of-text token of Gemma and Llama, nothing for Qwen.
    """

    actions: tuple[int, ...]
    end: int
    pad: int
    opening: tuple[int, ...]


def words_of(tokenizer: Any, encoding: Encoding, name: str) -> Words:
    """Return a tokenizer's ids for our actions.

    Args:
        tokenizer: a fast `transformers` tokenizer.
        encoding: how prompts are written.
        name: the base's name, for errors.

    Raises:
        UsageError: it has no single token for an action, none that ends a text, or none for some character of the prompts.
    """
    prompt, numerals = encoding.example, [str(action) for action in range(len(encoding.actions))]
    opening = _opening(tokenizer, prompt)
    if tokenizer.eos_token_id is None:
        raise UsageError(f"the tokenizer of {name} has no token that ends a text: choose another base")
    signs = sorted({*"".join(numerals), *encoding.signs})
    unknown = tokenizer.unk_token_id
    if unknown is not None and (missing := [sign for sign in signs if unknown in plain_ids(tokenizer, [sign])[0]]):
        raise UsageError(
            f"the tokenizer of {name} has no token for {missing[0]!r}, which prompts in the encoding {encoding.name!r} "
            "contain: choose another encoding or base"
        )
    actions = tuple(_action(tokenizer, prompt, numeral, name) for numeral in numerals)
    end = int(tokenizer.eos_token_id)
    return Words(actions, end, _pad(tokenizer, {end, *actions, *opening}, set(signs)), opening)


def plain_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the ids of texts, without those that the tokenizer adds around them."""
    found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)["input_ids"]
    return found


def padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return rows of ids flush right: ids (B, L) int32 and mask (B, L) bool, true for tokens, false for padding."""
    counts = np.array([len(row) for row in rows], dtype=np.int64)
    longest = int(counts.max(initial=0))
    mask = np.arange(longest) >= (longest - counts)[:, None]
    ids = np.full(mask.shape, pad, dtype=np.int32)
    ids[mask] = np.fromiter((token for row in rows for token in row), np.int32, int(counts.sum()))
    return ids, mask


def _opening(tokenizer: Any, prompt: str) -> tuple[int, ...]:
    """Return the ids that a tokenizer adds before a text; prompts leave out any that it adds after it."""
    whole, inner = tokenizer(prompt)["input_ids"], plain_ids(tokenizer, [prompt])[0]
    first = next((at for at in range(len(whole)) if whole[at : at + len(inner)] == inner), 0)
    return tuple(int(token) for token in whole[:first])


def _action(tokenizer: Any, prompt: str, numeral: str, name: str) -> int:
    """Return the token of an action's numeral after a prompt.

    Raises:
        UsageError: it becomes several tokens, or one together with the end of the prompt.
    """
    before, after = plain_ids(tokenizer, [prompt, prompt + numeral])
    if after[: len(before)] == before and len(after) == len(before) + 1:
        return int(after[-1])
    shown = tokenizer.convert_ids_to_tokens(after[max(0, len(before) - 2) :])
    raise UsageError(
        f"the tokenizer of {name} has no single token for the action {numeral!r} after a prompt, it makes {shown} of the "
        "prompt's end and the numeral: choose another base"
    )


def _pad(tokenizer: Any, taken: set[int], signs: set[str]) -> int:
    """Return the tokenizer's own padding, or, if that has another use, a token that no prompt contains.

    Many tokenizers pad with the end of text. Masking padding by its id then masks the end too, which is never learned.
    """
    own = tokenizer.pad_token_id
    if own is not None and own not in taken:
        return int(own)
    special = set(tokenizer.all_special_ids)
    for token in range(len(tokenizer)):
        text = tokenizer.decode([token])
        if token not in taken | special and text and not signs & set(text):
            return token
    raise UsageError("the tokenizer has no token that prompts do not contain, to pad them with: give it a padding token")
