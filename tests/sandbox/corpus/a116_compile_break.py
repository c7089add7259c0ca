# layer: ast; expect: reject
def act(observation, logits):
    if logits:
        break
    return 0
