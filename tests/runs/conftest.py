"""Fixtures of the run tests; what they are made of is in `small_run`."""

from tests.runs.small_run import _own_model_cache, finished, waiting

__all__ = ["_own_model_cache", "finished", "waiting"]
