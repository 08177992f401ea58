"""Who writes records into a zone for us: parts of `[dns:...]`."""
