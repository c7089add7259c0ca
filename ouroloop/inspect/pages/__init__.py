"""Pages of docs/ that are generated, so that they cannot say what the code does not."""
