"""Watching a game: its moments, the screens that show them, lenses on what decides moves, and what is kept of it."""
