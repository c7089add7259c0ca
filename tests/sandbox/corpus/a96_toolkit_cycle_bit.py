# layer: sandbox; expect: reject: _CYCLES as memory
from toolkit import can_shortcut


def act(observation, logits):
    n = 2
    while n < 60:
        try:
            can_shortcut({"size": n * 1.0, "board": [2, 0, 0, 0], "snake": [0], "food": 1, "idle": 0}, 3)
        except TypeError:
            break
        n += 2
    can_shortcut({"size": n, "board": [2, 0, 0, 0], "snake": [0], "food": 1, "idle": 0}, 3)
    return (n // 2) % 4
