"""PPO and DQN of Stable-Baselines3 as ordinary policies: the contents of their directory, and how they rate moves.

The first layer sees the board from the snake's head (`seen_from_head`), because a small net learns from that. After 140 000
moves on 6x6, PPO's mean score is 15 with this view, and 2.5 with planes of the board as it lies.

A baseline's directory holds the layers that choose the moves, and `baseline.json`. Playing needs only PyTorch; training needs
the extra `baselines`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from ouroloop.envs.snake.engine.state import BODY, FOOD, HEAD, WALL
from ouroloop.files import CARD_BYTES, check_regular, read_regular
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ouroloop.protocols.records import Observations

CARD: Final = "baseline.json"
WEIGHTS: Final = "model.safetensors"
Kind = Literal["ppo", "dqn"]
WEIGHTS_BYTES: Final = 256_000_000
GAMES: Final = 32
"""Games that are played in parallel during training."""
HIDDEN: Final = (256, 256)
"""Widths of the layers between input and output."""
SETTINGS: Final[dict[Kind, dict[str, Any]]] = {
    "ppo": {"n_steps": 64, "batch_size": 512, "n_epochs": 4, "learning_rate": 1e-3},
    "dqn": {
        "buffer_size": 200_000,
        "learning_starts": 2000,
        "batch_size": 64,
        "learning_rate": 5e-4,
        # Train after 4 moves of every game: one update per 32 moves. The library's own rate is one per 4; one per 8 is no
        # better than one per 32.
        "gradient_steps": GAMES // 8,
        "target_update_interval": 2000,
        "exploration_fraction": 0.3,
    },
}


class Card(BaseModel):
    """The contents of `baseline.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    kind: Kind
    task: str
    size: int = Field(ge=4, le=1024)


class BaselinePolicy:
    """A trained baseline: PPO's logits of the actions, or DQN's values.

    Args:
        card: the baseline's description.
        layers: weights (out, in) and biases (out,) of its layers, in order, with ReLU between them.
    """

    def __init__(self, card: Card, layers: list[tuple[Tensor, Tensor]]) -> None:
        """Keep the card and the layers."""
        self.card, self.layers = card, layers

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the action logits, or values: (B, 4) float32.

        Raises:
            UsageError: the boards have another size than those it was trained on.
        """
        size = int(observations.constants["size"])
        if size != self.card.size:
            raise UsageError(f"the baseline was trained on boards of size {self.card.size}, found {size}: train one for it")
        boards = torch.from_numpy(np.asarray(observations.columns["board"]).reshape(-1, size, size))
        with torch.inference_mode():
            x = seen_from_head(boards)
            for index, (weight, bias) in enumerate(self.layers):
                x = torch.addmm(bias, torch.relu(x) if index else x, weight.T)
        return np.asarray(x.numpy(), dtype=np.float32)


def seen_from_head(boards: Tensor) -> Tensor:
    """Return the surroundings of the head, as far as the board can reach: what stops the snake, and the food.

    Args:
        boards: (B, n, n), the environment's observation, whole numbers of any type.

    Returns:
        (B, 2 (2n - 1)^2) float32 of 0 and 1: first a plane of all obstacles (body, wall, off the board), then the food's.
    """
    count, n = len(boards), boards.shape[1]
    codes, wide = boards.to(torch.uint8), 2 * n - 1
    framed = torch.full((count, wide + n - 1, wide + n - 1), WALL, dtype=torch.uint8, device=boards.device)
    framed[:, n - 1 : wide, n - 1 : wide] = codes
    head = (codes == HEAD).flatten(1).to(torch.uint8).argmax(dim=1)
    reach = torch.arange(wide, device=boards.device)
    rows, columns = (head // n)[:, None, None] + reach[:, None], (head % n)[:, None, None] + reach
    window = framed[torch.arange(count, device=boards.device)[:, None, None], rows, columns]
    return torch.stack([(window == BODY) | (window == WALL), window == FOOD], dim=1).float().flatten(1)


def _check_chain(layers: list[tuple[Tensor, Tensor]]) -> None:
    """Raise ValueError unless each layer takes what the one before gives, in finite numbers."""
    width = layers[0][0].shape[-1] if layers else 0
    for weight, bias in layers:
        if weight.shape != (*bias.shape, width) or not all(bool(torch.isfinite(part).all()) for part in (weight, bias)):
            raise ValueError(f"a layer of {tuple(weight.shape)} and {tuple(bias.shape)}, expected {width} inputs, finite")
        width = len(bias)


def load(path: Path, *, task: str | None = None, size: int | None = None) -> BaselinePolicy:
    """Return the baseline that a directory holds; a `ports.Policy`.

    Args:
        path: the directory.
        task: refuse a baseline of another task.
        size: refuse a baseline of another board size.

    Raises:
        UsageError: there is none, it is damaged, or it belongs to another task or board.
    """
    try:
        card = Card.model_validate_json(read_regular(path / CARD, CARD_BYTES))
        check_regular(path / WEIGHTS, WEIGHTS_BYTES)
        named = load_file(path / WEIGHTS)
        layers = [(named[f"{i}.weight"], named[f"{i}.bias"]) for i in range(len(named) // 2)]
        _check_chain(layers)
    except (OSError, ValidationError, SafetensorError, KeyError, ValueError) as error:
        raise UsageError(f"{path} is not a baseline's directory: {CARD} or {WEIGHTS} is missing or damaged") from error
    for what, found, wanted in (("task", card.task, task), ("board size", card.size, size)):
        if wanted is not None and found != wanted:
            raise UsageError(f"the baseline in {path} was trained for {what} {found}, found {what} {wanted}; train one for it")
    if not layers or layers[0][0].shape[1] != 2 * (2 * card.size - 1) ** 2:
        raise UsageError(f"the baseline in {path} does not read boards of size {card.size}, as its {CARD} says; train it again")
    return BaselinePolicy(card, layers)
