"""Seeing a game: its moments, where they are shown, and what is kept of them."""
