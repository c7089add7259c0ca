# layer: sandbox; expect: reject
S = frozenset((1, 2))


def act(observation, logits):
    t = S
    t |= {3}
    u = dict.copy(S)
    u.update({5: 1})
    return len(S)
