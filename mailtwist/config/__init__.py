"""The ini file: sections, settings, values, and every problem told at once."""
