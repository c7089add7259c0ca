def act(observation, logits):
    return 0


"""A trailing note."""
