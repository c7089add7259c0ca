"""What the gate lets in, what it detects, and what it costs."""
