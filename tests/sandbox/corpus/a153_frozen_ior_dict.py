# layer: sandbox; expect: reject: dict |= on a frozen set
S = frozenset((1, 2))


def act(observation, logits):
    t = S
    n = len(t)
    t |= {n: None}
    return len(S) % 4
