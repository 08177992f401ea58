"""RADIUS as a second factor: against FreeRADIUS, and against servers that lie."""
