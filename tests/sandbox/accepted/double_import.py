from math import inf
from math import inf, sqrt


def act(observation, logits):
    return int(sqrt(4))
