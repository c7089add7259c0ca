"""Roles that ask a chat model: the prompts, and how a reply becomes a proposal."""
