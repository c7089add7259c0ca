def act(observation, logits):
    return len(str({1, 2, 3})) % 4
