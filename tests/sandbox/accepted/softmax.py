from math import exp


def act(observation, logits):
    top = max(logits)
    e = [exp(x - top) for x in logits]
    s = sum(e)
    n = 0
    for x in e:
        a, b = (x / s).as_integer_ratio()
        n += a
    return n % 4
