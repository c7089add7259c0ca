from collections import Counter


def act(observation, logits):
    d = Counter((a, b) for a in range(4) for b in range(4))
    return next(iter(d.keys() | d.keys()))[1] % 4
