def act(observation, logits):
    d = {(a, b): 0 for a in range(4) for b in range(4)}
    x = list(d.keys() & {(a, b) for a in range(4) for b in range(4)})
    return x[0][0] % 4
