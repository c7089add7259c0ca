"""The rules of Snake and the batch of games that follow them. Start at `state`, then `rules`."""
