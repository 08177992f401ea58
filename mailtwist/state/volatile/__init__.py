"""State that may be lost with the process or the machine: single use, joins, limits."""
