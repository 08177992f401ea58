"""The doors: ports, limits, services."""
