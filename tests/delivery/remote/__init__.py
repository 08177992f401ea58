"""Mail for other servers."""
