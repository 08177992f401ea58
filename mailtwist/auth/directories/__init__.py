"""Directories: who has an account, and is the password right."""
