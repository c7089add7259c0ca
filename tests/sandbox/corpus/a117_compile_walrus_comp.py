# layer: ast; expect: reject
def act(observation, logits):
    return len([i := 0 for i in range(3)])
