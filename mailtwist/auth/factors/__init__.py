"""Second factors, one kind per file."""
