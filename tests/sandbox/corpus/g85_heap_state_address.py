# layer: sandbox; expect: reject: heap layout as memory, read by an address
def act(observation, logits):
    junk = [[0] * (m + 1) for m in range(observation["snake"][0])]
    text = f"{iter(junk)}"
    return int(text.split("0x")[1].rstrip(">"), 16) // 64 % 4
