"""The controllers that the benchmark of the sandbox runs."""

from __future__ import annotations

from typing import Final

from ouroloop.sandbox.probes import GREEDY

TRIVIAL: Final = "def act(observation, logits):\n    return 0\n"
FLOOD: Final = """\
def act(observation, logits):
    size, board = observation["size"], observation["board"]
    head = observation["snake"][0]
    seen = [False] * (size * size)
    seen[head] = True
    stack, count = [head], 0
    while stack:
        cell = stack.pop()
        count += 1
        row, column = divmod(cell, size)
        for other, inside in (
            (cell - size, row > 0), (cell + size, row < size - 1), (cell - 1, column > 0), (cell + 1, column < size - 1)
        ):
            if inside and not seen[other] and board[other] in (0, 3):
                seen[other] = True
                stack.append(other)
    return count % 4
"""
TOOLKIT: Final = """\
from toolkit import food_distance, legal_moves


def act(observation, logits):
    return min(legal_moves(observation) or [0], key=lambda move: food_distance(observation, move))
"""
CONTROLLERS: Final = {"argmax": GREEDY, "flood fill": FLOOD, "toolkit": TOOLKIT}
