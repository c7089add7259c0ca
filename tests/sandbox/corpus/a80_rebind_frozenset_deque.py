# layer: ast; expect: reject: module constant built by a rebound frozenset is a deque
from collections import deque as frozenset

S = frozenset([0])


def act(observation, logits):
    S.append(0)
    return (len(S) > 3000) * 1
