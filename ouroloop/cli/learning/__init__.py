"""The subcommands of `train`: their options, and the work from a recipe to a policy with its model card."""
