"""`password@code`: the last separator divides, if a code follows it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

SEPARATOR = b"@"
LONGEST_CODE = 64

_PRINTABLE = re.compile(rb"[!-~]{1,%d}" % LONGEST_CODE)


@dataclass(frozen=True, slots=True)
class Split:
    """A secret in two: the bare `password`, and a `code` that some factor may know."""

    password: bytes = field(repr=False)
    code: str = field(repr=False)


def split(secret: bytes, is_code: Callable[[str], bool]) -> Split | None:
    """The two halves when `is_code` takes what follows the last separator for a code; None when the secret is
    to be taken whole, so that a password with the separator in it stays one.  The password may be empty."""
    password, at, rest = secret.rpartition(SEPARATOR)
    if not at or not _PRINTABLE.fullmatch(rest):
        return None
    code = rest.decode("ascii")
    return Split(password, code) if is_code(code) else None
