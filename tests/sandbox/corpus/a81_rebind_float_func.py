# layer: ast; expect: reject: `float` defined here runs code and returns a list at import
def float(x):
    return [0]


S = float(1)


def act(observation, logits):
    S[0] += 1
    return 1 if S[0] > 3000 else logits.index(max(logits))
