from math import exp


def act(observation, logits):
    weights = [exp(x) for x in logits]
    total = sum(weights)
    shares = [w / total for w in weights]
    return shares.index(max(shares))
