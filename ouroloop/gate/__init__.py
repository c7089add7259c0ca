"""The statistics of acceptance, usable on anybody's paired data: betting, races, spending, factorial, A* screen."""
