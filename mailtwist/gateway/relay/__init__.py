"""Relays: a client that is logged in, and the server behind it, through which nothing gets unread."""
