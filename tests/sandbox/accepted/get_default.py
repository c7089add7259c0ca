def act(observation, logits):
    idle = observation.get("idle", 0)
    size = int(len(observation["board"]) ** 0.5)
    w = [0.0] * 4
    for i, v in enumerate(logits):
        w[i] += v if idle < size else -v
    return w.index(max(w))
