# layer: sandbox; expect: reject
STATE = (0, frozenset(()))


def act(observation, logits):
    set.update(STATE[1], [len(STATE[1])])
    return len(STATE[1]) % 4
