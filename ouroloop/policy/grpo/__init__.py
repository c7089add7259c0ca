"""GRPO: on-policy states, groups with measured rewards, TRL's loss, and monitors that may stop a training."""
