"""From games to figures: what a board shows of a player, and what all boards together show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.snake.xl.definition import BOARDS, Board, keys
from ouroloop.bench.snake.xl.results import FAULT, Figures, Interval, Overall, Played
from ouroloop.envs.intervals import score_interval, share_interval
from ouroloop.protocols.records import Outcomes

PLACES = 6
"""Decimals of what is written."""


@dataclass(frozen=True, slots=True)
class Game:
    """How a game went."""

    score: int
    steps: int
    utility: float
    path_optimality: float
    cause: str


def replay(board: Board, first: int, moves: Sequence[NDArray[np.uint8]]) -> list[Game]:
    """Return how games go when these moves are played.

    A game that its moves do not end is one that its player lost by a fault: its figures are 0, and its steps are the moves.

    Args:
        board: the kind of board.
        first: the number of the first game.
        moves: of each game, (T,) uint8; what comes after a game's end is not played.
    """
    task = board.task()
    engine = task.engine(keys(first, first + len(moves)))
    longest = max(map(len, moves), default=0)
    laid = np.zeros((longest, len(moves)), np.int64)
    lengths = np.array([len(own) for own in moves])
    for column, own in enumerate(moves):
        laid[: len(own), column] = own
    found: list[Game | None] = [None] * len(moves)
    stops = set(lengths.tolist())
    for step in range(longest + 1):
        if step in stops:  # a game that goes on beyond its moves is looked at now, before others' moves lead it further
            told = engine.outcomes()
            for row in np.flatnonzero(lengths == step).tolist():
                found[row] = _game(told, row, step, task.causes)
        if step < longest:
            engine.step(laid[step])
    return [game for game in found if game is not None]


def _game(told: Outcomes, row: int, length: int, causes: Sequence[str]) -> Game:
    if told.cause[row] < 0:
        return Game(0, length, 0.0, 0.0, FAULT)
    return Game(
        int(told.score[row]),
        int(told.steps[row]),
        round(float(told.utility[row]), PLACES),
        float(told.path_optimality[row]),
        causes[told.cause[row]],
    )


def figures(board: Board, games: Sequence[Game], seconds: float, tokens: int | None) -> Figures:
    """Return the figures of at least one game."""
    count, task = len(games), board.task()
    score = score_interval([game.score for game in games], task.score_bound)
    won = [task.endings[game.cause].kind == "won" if game.cause in task.endings else False for game in games]
    low, high = share_interval(sum(won), count)
    steps = sum(game.steps for game in games)
    return Figures(
        games=count,
        score=Interval(mean=_short(score.mean), low=_short(score.low), high=_short(score.high)),
        win_rate=Interval(mean=_short(sum(won) / count), low=_short(low), high=_short(high)),
        path_optimality=_mean([game.path_optimality for game in games]),
        utility=_mean([game.utility for game in games]),
        steps=_short(steps / count),
        causes=dict(sorted(Counter(game.cause for game in games).items())),
        decisions_per_s=_rate(steps, seconds),
        tokens_per_s=None if tokens is None else _rate(tokens, seconds),
    )


def overall(boards: Sequence[Played]) -> Overall:
    """Return a player's figures over the boards that a result holds."""
    told = [(played, played.figures) for played in boards if played.figures is not None]
    found = [own for _, own in told]
    seconds, steps = sum(played.seconds for played, _ in told), sum(sum(played.steps) for played, _ in told)
    tokens = [played.tokens for played, _ in told if played.tokens is not None]
    return Overall(
        complete=len(boards) == len(BOARDS) and all(played.complete for played in boards),
        boards=len(found),
        utility=_short(math.fsum(own.utility for own in found) / len(BOARDS)),
        utility_played=_mean([own.utility for own in found]) if found else None,
        win_rate=_mean([own.win_rate.mean for own in found]) if found else None,
        path_optimality=_mean([own.path_optimality for own in found]) if found else None,
        score=_mean([own.score.mean for own in found]) if found else None,
        decisions_per_s=_rate(steps, seconds) if found else None,
        tokens_per_s=_rate(sum(tokens), seconds) if tokens and len(tokens) == len(told) else None,
    )


def _mean(values: Sequence[float]) -> float:
    """Return a mean that does not depend on the order of the sum, so that every machine finds the same."""
    return _short(math.fsum(values) / len(values))


def _short(value: float) -> float:
    return round(value, PLACES)


def _rate(count: int, seconds: float) -> float | None:
    """Return how many a second, to four digits; None if no time was measured."""
    return float(f"{count / seconds:.4g}") if seconds > 0 else None
