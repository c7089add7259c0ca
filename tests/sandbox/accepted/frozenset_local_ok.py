KEEP = frozenset({1, 2, 4})


def act(observation, logits):
    return sum(1 for v in observation["board"] if v in KEEP) % 4
