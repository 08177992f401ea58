"""Access tokens for servers behind us that take no password: where they come from."""
