"""What all games share, and one folder per game: `registry` lists the games, `snake/task.py` is Snake."""
