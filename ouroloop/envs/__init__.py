"""What all games share, and a folder per game: `registry` lists them, `snake/task.py` is Snake."""
