# layer: sandbox; expect: reject: state in a frozenset constant, switched after 3000 calls
S = frozenset((0,))


def act(observation, logits):
    n = (dict.get(S, 0) or 0) + 1
    dict.update(S, {0: n})
    return 0 if n > 3000 else logits.index(max(logits))
