"""One file per door: what listens, and what it is made of."""
