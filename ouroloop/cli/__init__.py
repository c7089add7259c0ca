"""The command line: arguments, calls and printing, and nothing else."""
