"""A language model that was made for another purpose, with what makes it a player."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ouroloop.policy.bases.origin import Origin
from ouroloop.policy.bases.words import Words, padded, plain_ids
from ouroloop.policy.settings import LoraSettings, Quantisation
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.encoding import Encoding
    from ouroloop.protocols.records import Observations


@dataclass(frozen=True, slots=True)
class Base:
    """A loaded base; a `language.LanguagePolicy`.

    Args:
        model: a `transformers` model, within a `peft` model if there is an adapter.
        tokenizer: its own, which pads on the left.
        encoding: how positions are written as text.
        task: name of the game.
        words: the tokens of actions, end and padding.
        origin: the base's name and fingerprint.
        quantisation: of its linear layers.
        hint: whether prompts end with the game's hint.
        adapter: settings of the adapter; None if all weights are the policy's own.
    """

    model: Any
    tokenizer: Any
    encoding: Encoding
    task: str
    words: Words
    origin: Origin
    quantisation: Quantisation
    hint: bool
    adapter: LoraSettings | None

    @property
    def actions(self) -> tuple[int, ...]:
        """Token ids of the actions."""
        return self.words.actions

    @property
    def end(self) -> int:
        """Token id that ends an answer."""
        return self.words.end

    @property
    def pad(self) -> int:
        """Token id of padding."""
        return self.words.pad

    def texts(self, observations: Observations) -> list[str]:
        """Return the prompts as text, without the tokens that the tokenizer adds in front.

        Raises:
            UsageError: the observations are of a game with other settings.
        """
        return self.encoding.hinted(observations) if self.hint else self.encoding.texts(observations)

    def encode(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts, ids (B, L) int32 and mask (B, L) bool, padded on the left.

        Raises:
            UsageError: the observations are of a game with other settings, or a prompt is longer than the model can read.
        """
        rows = [(*self.words.opening, *row) for row in plain_ids(self.tokenizer, self.texts(observations))]
        longest = max(map(len, rows), default=0)
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and longest >= limit:
            raise UsageError(
                f"a prompt of {longest} tokens and its answer: {self.origin.name} reads {limit}; choose a shorter encoding "
                f"than {self.encoding.name!r}, a smaller board, or another base"
            )
        return padded(rows, self.words.pad)
