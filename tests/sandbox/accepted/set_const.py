BLOCKED = {1, 2, 4}


def act(observation, logits):
    return 1 if 1 in BLOCKED else 0
