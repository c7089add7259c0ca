"""Ouroloop: a self-improving loop for game-playing policies.

One folder is one part of the architecture: `protocols` (records, ports, messages), `envs` (games), `policy`
(Snake-GPT), `rewards` (the reward-spec language), `agents` (roles), `sandbox` (screen and workers), `perception`
(pixels to state), `runs` (everything that wires parts together). Importing this package loads none of them.
"""

__version__ = "0.1.0"
