"""State that connections share."""
