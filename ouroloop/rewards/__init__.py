"""Rewards as data: the language of specs, and the screen that a spec must pass before training uses it."""
