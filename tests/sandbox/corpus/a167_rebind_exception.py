# layer: ast; expect: reject: an exception name rebound
from itertools import count as ValueError


def act(observation, logits):
    return next(ValueError(2))
