# layer: sandbox; expect: reject: items() - items()
def act(observation, logits):
    d = {m: logits[m] for m in range(4)}
    return next(iter(d.items() - {}.items()))[0]
