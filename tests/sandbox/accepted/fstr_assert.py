def act(observation, logits):
    assert len(logits) == 4, f"expected 4, got {len(logits)}"
    return 0
