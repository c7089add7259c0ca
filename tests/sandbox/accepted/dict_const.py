OPPOSITE = {0: 1, 1: 0, 2: 3, 3: 2}


def act(observation, logits):
    return OPPOSITE[0]
