"""From a model's reply to a checked source: text, diff, bytes, AST, bandit. Start at `static`."""
