# layer: sandbox; expect: reject
from collections import OrderedDict

S = frozenset((1, 2))


def act(observation, logits):
    OrderedDict.move_to_end(S, 1)
    return next(iter(S))
