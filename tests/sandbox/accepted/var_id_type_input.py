def act(observation, logits):
    id = logits.index(max(logits))
    type = id
    return type
