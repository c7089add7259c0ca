def act(observation, logits):
    d = {1: 0, 2: 0}
    try:
        x = d | {3}
    except TypeError:
        return 1
    return 0
