def act(observation, logits):
    for dir in range(4):
        if logits[dir] > 1:
            return dir
    return 0
