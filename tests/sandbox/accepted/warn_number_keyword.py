def act(observation, logits):
    return 1if logits[0] > 0else 0
