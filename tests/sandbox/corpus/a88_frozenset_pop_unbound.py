# layer: sandbox; expect: reject
S = frozenset((0, 1, 2, 3))


def act(observation, logits):
    dict.pop(S, 3, None)
    return len(S) % 4 if len(S) else 0
