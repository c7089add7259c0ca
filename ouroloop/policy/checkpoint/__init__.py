"""Checkpoints from strangers: their configurations are checked, and only safetensors are read, before a model is made."""
