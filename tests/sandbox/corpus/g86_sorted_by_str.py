# layer: sandbox; expect: reject: order by addresses
def act(observation, logits):
    fs = [lambda: 0, lambda: 1, lambda: 2, lambda: 3]
    return sorted(fs, key=str)[0]()
