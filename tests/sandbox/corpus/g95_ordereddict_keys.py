# layer: sandbox; expect: reject: OrderedDict keys - []
from collections import OrderedDict


def act(observation, logits):
    d = OrderedDict(((a, b), 0) for a in range(4) for b in range(4))
    return next(iter(d.keys() - [])) [1] % 4
