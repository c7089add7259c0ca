"""The port between trainings and language models: a model that reads positions, of any architecture and tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.encoding import Encoding
    from ouroloop.protocols.records import Observations


class LanguagePolicy(Protocol):
    """A causal language model and the way it reads positions.

    `snake_gpt.SnakeGPT` is a small one, trained from scratch with its own vocabulary; `bases.Base` is any other.
    """

    @property
    def model(self) -> Any:
        """The `transformers` model."""
        ...

    @property
    def tokenizer(self) -> Any:
        """The `transformers` tokenizer of its prompts."""
        ...

    @property
    def task(self) -> str:
        """Name of the game."""
        ...

    @property
    def encoding(self) -> Encoding:
        """The encoding that it reads."""
        ...

    @property
    def actions(self) -> tuple[int, ...]:
        """Token ids of the actions."""
        ...

    @property
    def end(self) -> int:
        """Token id that ends an answer."""
        ...

    @property
    def pad(self) -> int:
        """Token id of padding."""
        ...

    def encode(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts, ids (B, L) int32 and mask (B, L) bool, padded on the left."""
        ...
