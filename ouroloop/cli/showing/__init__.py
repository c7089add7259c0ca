"""Commands that look at runs and games, and what prints them."""
