"""How good each move is: A*, reachable regions, and the regret of each move."""
