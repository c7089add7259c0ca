def act(observation, logits):
    s = "a-b".title().isupper()
    return 1 if "x".isspace() or s else 0
