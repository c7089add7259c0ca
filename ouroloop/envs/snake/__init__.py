"""Snake: rules and engine, oracle, teachers, toolkit of the controllers, encodings, drawing. Start at `task.SnakeTask`."""
