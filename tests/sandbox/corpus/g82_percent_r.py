# layer: ast; expect: reject: address through %r
def act(observation, logits):
    text = "%r" % (lambda: 0,)
    return sum(map(ord, text)) % 4
