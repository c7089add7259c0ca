"""The commands below `train`: their options, and the work from a recipe to a policy that explains itself."""
