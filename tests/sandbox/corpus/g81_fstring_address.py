# layer: sandbox; expect: reject: address through an f-string
def act(observation, logits):
    text = f"{act}"
    return sum(map(ord, text)) % 4
