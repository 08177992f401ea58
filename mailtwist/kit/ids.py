"""Names that nothing else has: connections, logins, messages."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud without mistakes


def new_id(length: int = 12) -> str:
    """A random name of 5 bits a character, lower case, safe in file names and logs."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
