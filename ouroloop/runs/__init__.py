"""The loop wires the parts together, round by round. It can be stopped and resumed anywhere."""
