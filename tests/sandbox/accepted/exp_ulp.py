from math import exp


def act(observation, logits):
    n = 0
    for k in range(2000):
        a, b = exp((k - 1000) * 0.3 + logits[0] % 3.0).as_integer_ratio()
        n = (n * 31 + a + b) % 1000003
    return n % 4
