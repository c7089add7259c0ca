A = B = 0


def act(observation, logits):
    return A
