# layer: sandbox; expect: reject: mutator through an alias
S = frozenset(())
PUT = dict.update


def act(observation, logits):
    PUT(S, {len(S): 0})
    return len(S) % 4
