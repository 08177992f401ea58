"""Argon2, which we make ourselves, and others too."""

import re

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from mailtwist.auth.directories.schemes.api import UselessHash, Verify

MOST_MEMORY, MOST_PASSES = 4 << 20, 100  # in KiB; more is a slip
MOST_LANES = 64  # each is a thread while the hash is made

_HASH = re.compile(r"\$argon2(?:i|d|id)\$[!-9;-~]{1,380}")
_COSTS = re.compile(r"[$,]([mtp])=([0-9]{1,20})")


def argon2(rest: str) -> Verify:
    """As its reference program writes it."""
    if not _HASH.fullmatch(rest):
        raise UselessHash("this is no hash of argon2")
    if not _is_bearable(**_numbers(rest)):
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
    found = _numbers(rest)
    return found.get("m", 0), found.get("t", 0)


def _is_bearable(m: int = 0, t: int = 0, p: int = 0) -> bool:
    """A cost that can be meant: memory, passes, lanes."""
    return m <= MOST_MEMORY and t <= MOST_PASSES and p <= MOST_LANES


def _numbers(rest: str) -> dict[str, int]:
    return {name: int(value) for name, value in _COSTS.findall(rest)}
