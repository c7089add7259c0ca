def act(observation, logits):
    """Pick a move (see \d or C:\path).

    diff --git is not mentioned.
    """
    return 0
