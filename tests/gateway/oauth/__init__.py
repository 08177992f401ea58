"""Access tokens: a provider of the tests, and what is made of its answers."""
