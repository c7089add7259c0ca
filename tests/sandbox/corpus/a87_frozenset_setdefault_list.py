# layer: sandbox; expect: reject: dict.setdefault keeps a mutable list
S = frozenset(())


def act(observation, logits):
    seen = dict.setdefault(S, "k", [])
    seen.append(1)
    return len(seen) % 4
