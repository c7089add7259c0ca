# layer: ast; expect: reject
def act(observation, logits):
    match logits:
        case x:
            return 0
        case [1]:
            return 1
