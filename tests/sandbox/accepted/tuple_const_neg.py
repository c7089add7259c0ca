DELTAS = ((-1, 0), (1, 0), (0, -1), (0, 1))
LIMIT = -5 + 2 * 3
NAMES = ("up", "down")


def act(observation, logits):
    return len(DELTAS) % 4
