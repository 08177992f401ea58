"""What a scheme of hashes is: something that makes of a stored hash what checks a password."""

import base64
import binascii
from collections.abc import Callable

Verify = Callable[[bytes], bool]
"""Whether a password is the one that was hashed.  Slow: it belongs in a thread."""

Make = Callable[[str], Verify]
"""From a stored hash without its `{SCHEME}`; `UselessHash`."""


class UselessHash(ValueError):
    """No password can be checked against what stands there: the words are for the operator, and do not repeat
    it."""


def octets_of(text: str) -> bytes:
    """Of base64, with or without `=` at its end."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise UselessHash("what follows the scheme is no base64") from None
