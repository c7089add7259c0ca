"""Players that know the rules: from a plain A* walker to `best`, which fills the board. Start at `teach`."""
