def act(observation: "dict", logits: "list[float]") -> "int":
    return 0
