"""A recorded run that comes with the package, for the page: no model, no training, nothing to wait for.

- `run.zip`: the run, in which a small language model proposed rewards and patches.
- `packing`: makes it from a run directory.
- `unpacking`: makes a run directory of it.
"""
