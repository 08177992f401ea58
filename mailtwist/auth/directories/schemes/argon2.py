"""Argon2, which we make ourselves, and others too."""

import re

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from mailtwist.auth.directories.schemes.api import UselessHash, Verify

MOST_MEMORY, MOST_PASSES = 4 << 20, 100  # in KiB; more is a slip

_HASH = re.compile(r"\$argon2(?:i|d|id)\$[!-9;-~]{1,380}")
_COSTS = re.compile(r"[$,]([mt])=([0-9]{1,20})")


def argon2(rest: str) -> Verify:
    """As its reference program writes it."""
    if not _HASH.fullmatch(rest):
        raise UselessHash("this is no hash of argon2")
    memory, passes = costs(rest)
    if memory > MOST_MEMORY or passes > MOST_PASSES:
        raise UselessHash("the hash of argon2 has a cost that cannot be meant")

    def verify(password: bytes) -> bool:
        try:
            return PasswordHasher().verify(rest, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as error:
            raise UselessHash(f"argon2 cannot use the hash: {type(error).__name__}") from None

    return verify


def django(rest: str) -> Verify:
    """`argon2$argon2id$...`."""
    return argon2("$" + rest.partition("$")[2])


def costs(rest: str) -> tuple[int, int]:
    """Memory in KiB, and passes."""
    found = {name: int(value) for name, value in _COSTS.findall(rest)}
    return found.get("m", 0), found.get("t", 0)
