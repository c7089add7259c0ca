"""Ablations: one recipe under several settings and the same seeds, compared in pairs."""
