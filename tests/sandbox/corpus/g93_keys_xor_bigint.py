# layer: sandbox; expect: reject: keys() ^ [] of big ints
def act(observation, logits):
    d = {(1 << 40) + 3 * k: k for k in range(4)}
    return d[next(iter(d.keys() ^ []))]
