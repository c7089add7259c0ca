"""The games: rules, batched engine, oracle, teachers, toolkit of the controllers, pictures. Start at `task.SnakeTask`."""
