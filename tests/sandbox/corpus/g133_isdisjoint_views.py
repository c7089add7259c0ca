# layer: sandbox; expect: reject
def act(observation, logits):
    d = {(m, logits[m]): m for m in range(4)}
    return next(iter((d.items() & d.items())))[1]
