"""How well language models do as designer and as patcher, beside the searches."""
