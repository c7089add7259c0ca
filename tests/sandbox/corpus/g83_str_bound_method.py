# layer: sandbox; expect: reject: address through str of a bound method
def act(observation, logits):
    text = str([].append)
    return sum(map(ord, text)) % 4
