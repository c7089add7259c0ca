# layer: ast; expect: reject: iterator at module level through a rebound name
from itertools import cycle as frozenset

S = frozenset((0, 1, 2, 3))


def act(observation, logits):
    return next(S)
