"""Connections to Redis: how one is reached, kept, and asked; what is kept there is others' matter."""
