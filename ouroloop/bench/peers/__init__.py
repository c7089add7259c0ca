"""What we measure ourselves against, in our own process: TRL's trainer, Stable-Baselines3, general tokenizers."""
