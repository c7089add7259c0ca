"""Boards as pictures, text, tiles and animations."""
