def act(observation, logits):
    n = 0
    for k in range(-10, 2000, 7):
        n += (k + 1 - 1 is k) + (int(str(k)) is k) + (k * 1 is k) * 3
    return n % 4
