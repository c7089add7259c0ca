"""A player of Snake-XL outside of the package: it reads a question a line and answers on the next, as JSON-RPC 2.0.

It walks a shortest way to the food and knows nothing of dead ends. The standard library is all that it needs.
"""

import json
import sys
from collections import deque

WALL = 4
STEPS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def choose(seen: dict, actions: list[str]) -> int:
    """Return the first step of a shortest way to the food, or else one that hits nothing, or else the first."""
    size, snake = seen["size"], seen["snake"]
    blocked = {cell for cell, what in enumerate(seen["board"]) if what == WALL} | set(snake[:-1])
    first: dict[int, int | None] = {snake[0]: None}  # the step by which each cell was reached from the head
    queue = deque([snake[0]])
    while queue and seen["food"] not in first:
        cell = queue.popleft()
        for action, name in enumerate(actions):
            row, column = cell // size + STEPS[name][0], cell % size + STEPS[name][1]
            beside = row * size + column
            if 0 <= row < size and 0 <= column < size and beside not in blocked and beside not in first:
                first[beside] = action if first[cell] is None else first[cell]
                queue.append(beside)
    if seen["food"] in first:
        return first[seen["food"]] or 0
    return next((action for action in first.values() if action is not None), 0)


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        question = json.loads(line)
        asked = question["params"]
        result = {"actions": [choose(seen, asked["actions"]) for seen in asked["observations"]]}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
