def act(observation, logits):
    parents: dict[int, int | None] = {observation["snake"][0]: None}
    order: list[tuple[int, int]] = []
    stack: list[int] = [observation["snake"][0]]
    while stack:
        c = stack.pop()
        order.append((c, len(parents)))
    return len(order) % 4
