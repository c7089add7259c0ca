# layer: sandbox; expect: reject: dict.update(frozen, ...) writes a module constant
S = frozenset((0,))


def act(observation, logits):
    dict.update(S, {0: (dict.get(S, 0) or 0) + 1})
    return dict.get(S, 0) % 4
