# layer: ast; expect: reject: a function named frozenset runs at import
def frozenset(x):
    while True:
        pass


S = frozenset([1])


def act(observation, logits):
    return 0
