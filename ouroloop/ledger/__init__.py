"""The record of a run: steps in SQLite, artifacts by content hash, the git workspace."""
