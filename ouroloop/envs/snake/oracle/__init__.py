"""What the best move would have been: A*, reachable regions, and the regret of each move."""
