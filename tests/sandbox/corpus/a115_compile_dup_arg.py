# layer: ast; expect: reject: SyntaxError only at compile
def helper(a, a):
    return a


def act(observation, logits):
    return 0
