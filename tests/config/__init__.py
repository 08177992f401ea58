"""The ini file: read, refused, shown."""
