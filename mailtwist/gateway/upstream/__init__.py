"""Servers behind us: how they are reached, what they are told of the client, how we log in there."""
