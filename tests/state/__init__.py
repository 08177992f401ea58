"""Durable and volatile state, keys, migrations."""
