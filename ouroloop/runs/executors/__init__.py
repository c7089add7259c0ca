"""Where trainings run: child processes on this machine."""
