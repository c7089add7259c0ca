def helper(x: object) -> int:
    return 1


def act(observation: dict[str, object], logits: list[float]) -> int:
    return helper(1)
