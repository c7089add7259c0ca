"""The gate: the A* screen on a bank of positions, and the sequential test on paired games."""
