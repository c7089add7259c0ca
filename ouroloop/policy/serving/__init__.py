"""Snake-GPT as `ports.Policy`: in this process, or behind a vLLM server."""
