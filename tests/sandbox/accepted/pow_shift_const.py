INF = 10 ** 9
FAR = 1 << 20


def act(observation, logits):
    return 0 if INF > FAR else 1
