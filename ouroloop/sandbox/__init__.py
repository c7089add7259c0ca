"""Screen and sandboxes: from a model's text to a controller that answers batches and reaches nothing else."""
