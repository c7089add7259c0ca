def act(observation, logits):
    token = "head"
    if token == "tail":
        return 1
    password = "x"
    return 0
