"""The actions and prompts as ids of a tokenizer that was made for something else. No torch here."""

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
    """Token ids that mean something to us.

    Args:
        actions: the single token of each action's numeral, as it stands after a prompt.
        end: ends an answer.
        pad: fills prompts up; neither `end` nor part of any prompt, so that a mask that is made of ids alone is right too.
        opening: what the tokenizer puts before every text: the begin-of-text token of Gemma and Llama, nothing for Qwen.
    """

    actions: tuple[int, ...]
    end: int
    pad: int
    opening: tuple[int, ...]


def words_of(tokenizer: Any, encoding: Encoding, name: str) -> Words:
    """Return what a tokenizer calls our actions.

    Args:
        tokenizer: a fast `transformers` tokenizer.
        encoding: what the prompts are written in.
        name: whose tokenizer it is, for errors.

    Raises:
        UsageError: it has no single token for an action, none that ends a text, or none for some sign of the prompts.
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
    """Return the ids of texts, without what the tokenizer puts around them."""
    found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)["input_ids"]
    return found


def padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return rows of ids flush right: ids (B, L) int32 and mask (B, L) bool, true where a token stands."""
    counts = np.array([len(row) for row in rows], dtype=np.int64)
    longest = int(counts.max(initial=0))
    mask = np.arange(longest) >= (longest - counts)[:, None]
    ids = np.full(mask.shape, pad, dtype=np.int32)
    ids[mask] = np.fromiter((token for row in rows for token in row), np.int32, int(counts.sum()))
    return ids, mask


def _opening(tokenizer: Any, prompt: str) -> tuple[int, ...]:
    """Return the ids that a tokenizer puts before a text; those that some put after it are not for prompts."""
    whole, inner = tokenizer(prompt)["input_ids"], plain_ids(tokenizer, [prompt])[0]
    first = next((at for at in range(len(whole)) if whole[at : at + len(inner)] == inner), 0)
    return tuple(int(token) for token in whole[:first])


def _action(tokenizer: Any, prompt: str, numeral: str, name: str) -> int:
    """Return the token of an action's numeral after a prompt.

    Raises:
        UsageError: it becomes several tokens, or one with the end of the prompt.
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
    """Return the tokenizer's own padding, or, where that is taken for something else, a token that no prompt contains.

    Many tokenizers pad with the end of text. Whoever masks padding by its id then masks the end, which is never learned.
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
