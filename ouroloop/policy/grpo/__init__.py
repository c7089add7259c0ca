"""GRPO: on-policy states, groups scored exactly, TRL's loss, and the monitors that may stop a training."""
