"""What travels into a sandbox and imports nothing of the package. Start at `worker`."""
