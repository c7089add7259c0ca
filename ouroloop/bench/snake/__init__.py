"""The speed of engine, planner and encodings, and how well the teachers play."""
