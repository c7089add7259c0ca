"""Teacher positions: what supervised fine-tuning learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ouroboros.policy.encoding import ACTIONS, EOS, Encoding
from ouroboros.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.protocols.ports import Engine, Task

SENSIBLE = 0.5
"""Moves of a smaller regret may stand in for the teacher's; above it the snake is dead or trapped."""
WAVE = 256
"""Games that are played together."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """N positions with the teacher's moves.

    Args:
        prompts: N prompts as ids, without padding.
        actions: (N,) int8, the moves to learn.
        lengths: (N,) int32, the snakes' lengths.
    """

    prompts: tuple[NDArray[np.int32], ...]
    actions: NDArray[np.int8]
    lengths: NDArray[np.int32]

    def rows(self) -> dict[str, list[list[int]]]:
        """Return the columns `input_ids` and `labels`: prompt masked by -100, action and end of text trained."""
        ids, labels = [], []
        for prompt, action in zip(self.prompts, self.actions, strict=True):
            answer = [ACTIONS[int(action)], EOS]
            ids.append([*prompt.tolist(), *answer])
            labels.append([-100] * len(prompt) + answer)
        return {"input_ids": ids, "labels": labels}


def teach(task: Task, teacher: str, count: int, seed: int, *, noise: float, smoothing: float) -> Lessons:
    """Return positions of the teacher's games, balanced over the snake's length.

    Args:
        task: the game.
        teacher: a teacher's name.
        count: positions wanted.
        seed: of the games and of the noise.
        noise: share of the *played* moves that are any sensible move instead of the teacher's, so that positions vary;
            the labels stay the teacher's.
        smoothing: share of the labels that are another sensible move (reference document, section 8.3).

    Raises:
        UsageError: no such teacher, or a board that the encoding does not cover.
    """
    generator = np.random.default_rng([seed, 0x5F7])
    encoding: Encoding | None = None
    prompts: list[NDArray[np.int32]] = []
    actions: list[NDArray[np.int8]] = []
    lengths: list[NDArray[np.int32]] = []
    wave = 0
    while len(prompts) < 3 * count:
        engine = task.engine(np.array(game_seeds(seed, "train", wave * WAVE, WAVE), dtype=np.uint64))
        while len(rows := np.flatnonzero(~engine.done)):
            observations = engine.observations(rows)
            encoding = encoding or Encoding(int(observations.constants["size"]))
            labels, played = _moves(task, teacher, engine, rows, generator, noise, smoothing)
            ids, mask = encoding.encode_batch(observations)
            prompts.extend(row[keep] for row, keep in zip(ids, mask, strict=True))
            actions.append(labels)
            lengths.append(np.asarray(observations.lengths["snake"], dtype=np.int32))
            moves = np.zeros(engine.games, dtype=np.int8)
            moves[rows] = played
            engine.step(moves)
        wave += 1
    every_length = np.concatenate(lengths)
    chosen = balanced(every_length, count, generator)
    return Lessons(tuple(prompts[i] for i in chosen), np.concatenate(actions)[chosen], every_length[chosen])


def balanced(lengths: NDArray[np.int32], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return `count` distinct indices, in random order: rare lengths whole, common ones cut to an equal share.

    Args:
        lengths: (N,) int32, N >= count.
        count: indices wanted.
        generator: the choice among equals.
    """
    order = generator.permutation(len(lengths))
    by_length = order[np.argsort(lengths[order], kind="stable")]
    sorted_lengths = lengths[by_length]
    first = np.searchsorted(sorted_lengths, sorted_lengths, side="left")
    rank = np.arange(len(lengths)) - first
    # The k-th position of every length comes before the (k+1)-th of any: the shares are as equal as the supply allows.
    chosen = by_length[np.argsort(rank, kind="stable")[:count]]
    return np.asarray(generator.permutation(chosen), dtype=np.int64)


def _moves(
    task: Task,
    teacher: str,
    engine: Engine,
    rows: NDArray[np.int64],
    generator: np.random.Generator,
    noise: float,
    smoothing: float,
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return the moves to learn and the moves to play, both (R,) int8."""
    running = engine.clone(rows)
    taught = np.asarray(task.teach(teacher, running), dtype=np.int8)
    regret = task.regret(running)
    other = regret < SENSIBLE
    other[np.arange(len(rows)), taught] = False
    has_other = other.any(axis=1)
    alternative = np.where(other, generator.random(other.shape), -1.0).argmax(axis=1).astype(np.int8)
    labels = np.where(has_other & (generator.random(len(rows)) < smoothing), alternative, taught)
    played = np.where(has_other & (generator.random(len(rows)) < noise), alternative, taught)
    return labels, played
