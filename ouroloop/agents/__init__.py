"""The roles: critic, reward designer and code patcher, by search or by a chat model. They know no game."""
