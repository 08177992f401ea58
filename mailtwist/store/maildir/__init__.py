"""Maildir++ as the truth, with an index that can be rebuilt."""
