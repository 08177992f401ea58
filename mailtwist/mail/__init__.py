"""Values: address, envelope, flags, structure of a message; no I/O, no waiting."""
