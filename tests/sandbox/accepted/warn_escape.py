def act(observation, logits):
    return len("\d") % 4
