"""The gate: the A* screen on a bank of positions, races under a sequential test, one budget of error, and whose gain it was."""
