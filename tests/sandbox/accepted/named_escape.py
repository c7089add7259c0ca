def act(observation, logits):
    return len("\N{SNOWMAN}")
