# layer: ast; expect: reject
def act(observation, logits):
    *a, *b = logits
    return 0
