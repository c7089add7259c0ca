# layer: sandbox; expect: reject: keys() | [] is a real set, ordered by hash
def act(observation, logits):
    d = {(a, b): 0 for a in range(3) for b in range(3)}
    first = next(iter(d.keys() | []))
    return (first[0] * 3 + first[1]) % 4
