def act(observation, logits):
    return abs(~(logits[0] > 0))
