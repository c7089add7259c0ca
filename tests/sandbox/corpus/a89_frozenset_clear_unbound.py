# layer: sandbox; expect: reject
S = frozenset((0, 1, 2, 3))


def act(observation, logits):
    n = len(S)
    dict.clear(S)
    return n % 4 if n else 1
