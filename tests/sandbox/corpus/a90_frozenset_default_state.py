# layer: sandbox; expect: reject: default argument frozenset as memory
def step(mem=frozenset(())):
    dict.update(mem, {"n": (dict.get(mem, "n") or 0) + 1})
    return dict.get(mem, "n")


def act(observation, logits):
    return step() % 4
