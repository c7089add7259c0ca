"""The port of encodings: how a game writes a position for a language model, as text and as token ids.

A game has at least one encoding. A Snake-GPT, for any game, learns with the encoding's own vocabulary, in which each piece
of a prompt is one token. A base model reads the text. The answer is one token: the numeral of the action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

PAD, EOS, UNK = 0, 1, 2
"""The token ids that begin every vocabulary: padding, the end of an answer, and unknown text."""
MARKS: Final = ("<pad>", "<eos>", "<unk>")
Setting: TypeAlias = str | int | float | bool
"""The value of a game's setting, as in JSON."""


def first_words(actions: int) -> tuple[str, ...]:
    """Return the words that begin the vocabulary of a game with this many actions."""
    return (*MARKS, *map(str, range(actions)))


def action_tokens(actions: int) -> tuple[int, ...]:
    """Return the token ids of this many actions, in order."""
    return tuple(range(len(MARKS), len(MARKS) + actions))


class Encoding(Protocol):
    """One way to write a game's positions. Text and ids are equivalent."""

    @property
    def name(self) -> str:
        """The game's name for this encoding."""
        ...

    @property
    def settings(self) -> Mapping[str, Setting]:
        """The game's settings on which the prompts depend; a game made with them can read the prompts again."""
        ...

    @property
    def actions(self) -> tuple[int, ...]:
        """Token ids of the actions; see `action_tokens`."""
        ...

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id, beginning with `first_words`."""
        ...

    @property
    def pieces(self) -> str:
        """Regular expression that matches one token; the leftmost match wins."""
        ...

    @property
    def separator(self) -> str:
        """Regular expression for the text between tokens; empty if there is none."""
        ...

    @property
    def joints(self) -> Sequence[tuple[str, str]]:
        """For turning ids back into text: where tokens meet without their separator, and what is written there."""
        ...

    @property
    def longest(self) -> int:
        """The number of tokens in the longest prompt."""
        ...

    @property
    def example(self) -> str:
        """A prompt for trying out tokenizers."""
        ...

    @property
    def signs(self) -> str:
        """Every character that a prompt may contain, hints included."""
        ...

    def encode_batch(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids, padded on the left.

        Returns:
            ids: (B, L) int32, and mask: (B, L) bool, true for tokens and false for padding. L is the length of the
            longest prompt in the batch.

        Raises:
            UsageError: the observations come from a game with other settings.
        """
        ...

    def texts(self, observations: Observations) -> list[str]:
        """Return the prompts as text. Raises the same errors as `encode_batch`."""
        ...

    def hinted(self, observations: Observations) -> list[str]:
        """Return the prompts as text, each with the game's hint if the game has one."""
        ...


@runtime_checkable
class Located(Protocol):
    """What an encoding may offer besides: which cells of a position each token speaks of. Saliency is drawn by it."""

    @property
    def cells(self) -> int:
        """The number of cells of a position."""
        ...

    def cells_of(self, observations: Observations) -> NDArray[np.int32]:
        """Return the cells that each token of the prompts of `encode_batch` speaks of.

        Returns:
            (B, L, K) int32, the tokens' cells filled up with -1. A token that speaks of no cell has none, as has padding.
            K is the most cells of a token.

        Raises:
            UsageError: the observations come from a game with other settings.
        """
        ...
