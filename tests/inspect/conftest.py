"""Fixtures of the tests that read a run; what they are made of is in `tests.runs.small_run`."""

from tests.runs.small_run import _own_model_cache, finished, waiting

__all__ = ["_own_model_cache", "finished", "waiting"]
