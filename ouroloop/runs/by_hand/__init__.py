"""What users decide and propose themselves in a run."""
