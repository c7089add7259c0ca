# layer: ast; expect: reject: default argument made by a rebound frozenset
from itertools import cycle as frozenset


def step(it=frozenset((0, 1, 2, 3))):
    return next(it)


def act(observation, logits):
    return step()
