"""How the reader learns: the lessons that are drawn for it, the descent, and pre-training on hidden cells."""
