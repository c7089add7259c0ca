"""The port of encodings: how a game writes a position for a language model, as text and as token ids.

A game has one encoding or more. A Snake-GPT of any game learns with an encoding's own vocabulary, in which each piece of a
prompt is one token; a base reads the text. The answer is one token: the numeral of the action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

PAD, EOS, UNK = 0, 1, 2
"""Token ids that every vocabulary begins with: padding, the end of an answer, and what is no token."""
MARKS: Final = ("<pad>", "<eos>", "<unk>")
Setting: TypeAlias = str | int | float | bool
"""A value of a game's setting, as JSON has it."""


def first_words(actions: int) -> tuple[str, ...]:
    """Return the words that the vocabulary of a game with so many actions begins with."""
    return (*MARKS, *map(str, range(actions)))


def action_tokens(actions: int) -> tuple[int, ...]:
    """Return the token ids of so many actions, in order."""
    return tuple(range(len(MARKS), len(MARKS) + actions))


class Encoding(Protocol):
    """One way to write a game's positions. Text and ids say the same."""

    @property
    def name(self) -> str:
        """What the game calls it."""
        ...

    @property
    def settings(self) -> Mapping[str, Setting]:
        """The game's settings on which the prompts depend: those by which the game can be made again to read them."""
        ...

    @property
    def actions(self) -> tuple[int, ...]:
        """Token ids of the actions; see `action_tokens`."""
        ...

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id; the first are `first_words`."""
        ...

    @property
    def pieces(self) -> str:
        """Regular expression of one token; the leftmost match wins."""
        ...

    @property
    def separator(self) -> str:
        """Regular expression of what stands between tokens and is none; empty where nothing does."""
        ...

    @property
    def joints(self) -> Sequence[tuple[str, str]]:
        """Where tokens meet without their separator, and what is written there: how ids become text again."""
        ...

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt."""
        ...

    @property
    def example(self) -> str:
        """A prompt, on which tokenizers are tried."""
        ...

    @property
    def signs(self) -> str:
        """Every character that a prompt may contain, hints included."""
        ...

    def encode_batch(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids, padded on the left.

        Returns:
            ids: (B, L) int32, and mask: (B, L) bool, true where a token stands. L is the longest prompt of the batch.

        Raises:
            UsageError: the observations are of a game with other settings.
        """
        ...

    def texts(self, observations: Observations) -> list[str]:
        """Return the prompts as text; raises what `encode_batch` does."""
        ...

    def hinted(self, observations: Observations) -> list[str]:
        """Return the prompts as text, each with the game's hint; as they are where the game has none."""
        ...
