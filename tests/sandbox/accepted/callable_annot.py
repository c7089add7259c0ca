from collections import deque


def bfs(queue: deque, seen: set) -> int:
    return len(queue)


def act(observation, logits):
    return bfs(deque([1]), set())
