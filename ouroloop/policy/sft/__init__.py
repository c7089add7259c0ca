"""Supervised fine-tuning: a teacher's lessons, and training on them."""
