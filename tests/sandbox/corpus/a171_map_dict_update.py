# layer: sandbox; expect: reject: mutator through map
S = frozenset(())


def act(observation, logits):
    list(map(dict.update, (S,), ({len(S): 0},)))
    return len(S) % 4
