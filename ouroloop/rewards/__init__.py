"""Rewards as data: the spec language, and the screen that a spec passes before anything is trained on it."""
