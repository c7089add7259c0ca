# layer: sandbox; expect: reject: float size answers only once the int size is cached
from toolkit import free_neighbours


def probe(n, size):
    return {"size": size, "board": [2, 0, 0, 0], "snake": [0], "food": 1, "idle": 0}


def known(n):
    try:
        free_neighbours(probe(n, n * 1.0), 3)
    except TypeError:
        return False
    except IndexError:
        return True
    return True


def act(observation, logits):
    best = max(range(4), key=lambda m: logits[m])
    n = 2
    while n < 62 and known(n):
        n += 1
    try:
        free_neighbours(probe(n, n), 3)
    except IndexError:
        pass
    return n % 4
