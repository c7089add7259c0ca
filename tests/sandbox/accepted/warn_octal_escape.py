def act(observation, logits):
    return len("\777") % 4
