"""What the sandboxes cost and hold."""
