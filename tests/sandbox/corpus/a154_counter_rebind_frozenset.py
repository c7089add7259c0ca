# layer: ast; expect: reject
from collections import Counter as frozenset

C = frozenset([0])


def act(observation, logits):
    C.update([len(observation["snake"])])
    return C.total() % 4
