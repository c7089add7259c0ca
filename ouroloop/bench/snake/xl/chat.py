"""A chat model as a player: one question a decision, with the board as text; the answer's last move counts.

An answer without a move is asked for once more. If that has none either, the game is lost by a fault, which its figures show.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.agents.chat import Chat, ChatConfig, LangChainChat, Message
from ouroloop.agents.chat.channels import answer
from ouroloop.bench.snake.xl.definition import Board
from ouroloop.bench.snake.xl.results import Who
from ouroloop.bench.snake.xl.seats import Answer, Seat
from ouroloop.protocols.ports import Engine

TRIES: Final = 2
PROMPT: Final = """You play Snake on a {size}x{size} board. The snake moves one cell at a time. It grows when it eats
the food, and it dies when it runs into a wall (#), the border or its body. Fill the board.

@ is the head, o the body, * the food, # a wall, . a free cell. Row 0 is at the top.

{board}

The head is at row {row}, column {column}; the neck, where it cannot go, is {neck}. The food is at row {food_row}, column
{food_column}.

Which way does the head go next? End your answer with one word: {actions}."""


@dataclass(frozen=True, slots=True)
class Chatter:
    """A chat model that plays."""

    who: Who
    config: ChatConfig

    @contextmanager
    def seat(self, board: Board) -> Iterator[Seat]:
        """Open a loop for its questions."""
        with asyncio.Runner() as runner:
            yield ChatSeat(LangChainChat(self.config), board, runner)


@dataclass(slots=True)
class ChatSeat:
    """A chat model at a board; `used` counts the tokens of all questions and answers."""

    chat: Chat
    board: Board
    runner: asyncio.Runner
    used: int = 0

    def choose(self, engine: Engine, rows: NDArray[np.int64], games: NDArray[np.int64]) -> Answer:
        """Ask about all games side by side. Raises ModelError if the model cannot be asked."""
        task, seen = self.board.task(), engine.observations(rows)
        prompts = [self._prompt(seen.row(place), task.ansi(seen, place), task.actions) for place in range(len(rows))]

        async def ask_all() -> list[int | None]:
            return list(await asyncio.gather(*(self._ask(prompt, task.actions) for prompt in prompts)))

        told = self.runner.run(ask_all())
        failed = [place for place, move in enumerate(told) if move is None]
        return np.array([move or 0 for move in told], np.int64), failed

    def tokens(self) -> int | None:
        """Return the tokens of all questions and answers."""
        return self.used

    async def _ask(self, prompt: str, actions: tuple[str, ...]) -> int | None:
        """Return a move; None if no answer names one."""
        for number in range(TRIES):
            message: Message = {"role": "user", "content": prompt}
            reply = await self.chat.complete([message], number)
            self.used += reply.tokens_in + reply.tokens_out
            named = re.findall(rf"\b({'|'.join(actions)})\b", answer(reply.text).lower())
            if named:
                return actions.index(named[-1])
        return None

    @staticmethod
    def _prompt(row: Mapping[str, object], board: str, actions: tuple[str, ...]) -> str:
        size, snake, food = (np.asarray(row[key], np.int64) for key in ("size", "snake", "food"))
        head, side = int(snake[0]), int(size)
        neck = "nowhere" if len(snake) < 2 else f"at row {snake[1] // side}, column {snake[1] % side}"
        return PROMPT.format(
            size=side, board=board, row=head // side, column=head % side, neck=neck,
            food_row=int(food) // side, food_column=int(food) % side, actions=", ".join(actions),
        )  # fmt: skip
