"""Small language models on this machine: their weights, and a server that ends with the process that asks."""
