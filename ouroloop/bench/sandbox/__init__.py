"""What the sandboxes cost and withstand."""
