"""Reading a run: tables, history, evaluations, ablations, games to watch."""
