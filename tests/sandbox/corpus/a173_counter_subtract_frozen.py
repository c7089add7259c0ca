# layer: sandbox; expect: reject
from collections import Counter

S = frozenset((1, 2))


def act(observation, logits):
    try:
        Counter.subtract(S, [1])
    except TypeError:
        return 2
    return len(S)
