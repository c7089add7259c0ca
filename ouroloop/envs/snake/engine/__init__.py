"""The rules and the batch of games that they advance. Start at `state`, then `rules`."""
