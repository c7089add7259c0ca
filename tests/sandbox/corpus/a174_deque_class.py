# layer: sandbox; expect: reject
from collections import deque

Q = deque


def act(observation, logits):
    Q.append(Q, 1)
    return 0
