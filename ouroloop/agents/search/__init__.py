"""Roles that search: hand-written proposers and a critic, which need no model."""
