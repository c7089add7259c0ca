"""Players that know the board: from a plain A* walker to `best`, which fills it. Start at `teach`."""
