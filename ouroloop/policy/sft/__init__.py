"""Supervised fine-tuning: lessons of a teacher, and the training on them."""
