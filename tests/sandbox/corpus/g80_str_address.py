# layer: sandbox; expect: reject: address of an object through str
def act(observation, logits):
    text = str(iter([]))
    return sum(map(ord, text)) // 16 % 4
