MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]


def act(observation, logits):
    return len(MOVES) - 1
