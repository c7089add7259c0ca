"""Peers that we compare ourselves with, in our own process: TRL's trainer, Stable-Baselines3, general tokenizers."""
