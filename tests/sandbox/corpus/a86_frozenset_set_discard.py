# layer: sandbox; expect: reject: set.discard(frozen, x) changes a module constant
S = frozenset((0, 1, 2, 3, 4, 5, 6, 7))


def act(observation, logits):
    for i in range(8):
        if i in S:
            set.discard(S, i)
            break
    return len(S) % 4
