"""The statistics of acceptance, usable on any paired data: betting, races, spending, factorial, A* screen."""
