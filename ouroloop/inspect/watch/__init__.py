"""Watching a game: its moments, the screens that show them, and the GIF that keeps them."""
