"""Names that nothing else has: connections, logins, messages."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud without mistakes


def new_id(length: int = 12) -> str:
    """A random name of 5 bits a character, lower case, safe in file names and logs."""
    bits = secrets.randbits(5 * length)  # one call: each lets other threads in
    return "".join([_ALPHABET[bits >> shift & 31] for shift in range(0, 5 * length, 5)])
