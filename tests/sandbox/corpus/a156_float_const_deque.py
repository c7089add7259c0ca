# layer: ast; expect: reject
from collections import deque as float

Q = float("ab")


def act(observation, logits):
    Q.rotate(1)
    return ord(Q[0]) % 4
