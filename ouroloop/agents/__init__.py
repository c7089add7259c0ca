"""The roles (critic, reward designer, code patcher), answered by search or by a chat model. None knows any game."""
