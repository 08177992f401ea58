"""State in Redis, with a real server."""
