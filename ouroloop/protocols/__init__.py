"""Records, ports, messages and errors: the borders between parts. No I/O."""
