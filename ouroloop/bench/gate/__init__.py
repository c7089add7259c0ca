"""What the gate lets in, what it finds, and what it costs."""
