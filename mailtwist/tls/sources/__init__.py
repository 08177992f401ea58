"""Where certificates come from, one source per file."""
