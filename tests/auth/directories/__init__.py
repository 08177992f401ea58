"""The directories."""
