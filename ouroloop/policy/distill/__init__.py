"""Distillation: from a teacher policy to a smaller student, in stages."""
