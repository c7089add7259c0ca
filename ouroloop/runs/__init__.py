"""The loop: it wires the parts together, round by round, and can be stopped and resumed anywhere."""
