"""Who writes records."""
