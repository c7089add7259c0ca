"""How Snake-GPT learns, plays and is served."""
