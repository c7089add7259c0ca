from math import log2


def act(observation, logits):
    n = 0
    for k in range(2000):
        a, b = log2(1 + (k - 1000) * 0.00007 + abs(logits[0]) * 0.00001).as_integer_ratio()
        n = (n * 31 + a + b) % 1000003
    return n % 4
