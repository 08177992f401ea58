"""State that lasts."""
