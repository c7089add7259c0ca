"""One candidate, with everything that is recorded about it."""
