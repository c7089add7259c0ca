"""Snake-XL: fixed games that any player can play, result files that can be checked without the player, and a leaderboard."""
