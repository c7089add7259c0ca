"""The tables and lines that `show` and the end of a run print for people."""
