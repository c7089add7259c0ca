def act(observation, logits):
    n = len(logits)
    return 0 if n is 4 else 1
