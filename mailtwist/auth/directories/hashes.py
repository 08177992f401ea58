"""Password hashes as other servers write them: Dovecot, Apache, LDAP, Django, /etc/shadow."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping

from mailtwist.auth.directories.schemes.api import Make as Make
from mailtwist.auth.directories.schemes.api import UselessHash as UselessHash
from mailtwist.auth.directories.schemes.api import Verify as Verify
from mailtwist.auth.directories.schemes.argon2 import argon2, costs, django
from mailtwist.auth.directories.schemes.crypt import crypt, md5_crypt
from mailtwist.auth.directories.schemes.derived import pbkdf2, scrypt
from mailtwist.auth.directories.schemes.digests import apache_md5, plain, salted, unsalted

LONGEST = 4096
"""Characters of a stored hash; whoever stores more has stored something else."""

CLEAR = ("PLAIN", "CLEAR", "CLEARTEXT")
"""What is no hash: the password follows."""

TOO_WEAK = (
    "the scheme {{{scheme}}} is too weak; make a new hash, or let `weak_hashes = yes` (type = sqlite, sql)"
    " take it until its owner has logged in"
)

_SCHEME = re.compile(r"\{([A-Za-z0-9-]{1,32})(?:\.([A-Za-z0-9]{1,8}))?\}")


def verifier(stored: str, weak: bool = False) -> Verify:
    """What says whether a password is the one that `stored` is made of.  It is slow: it belongs in a thread.
    `UselessHash` when there is no such thing, perhaps only when it is asked; also for `WEAK` schemes, unless
    `weak`.  A password has no NUL: C would not see what follows, and PBKDF2 (HMAC) takes one at the end for
    nothing."""
    scheme, rest = _parts(stored)
    if scheme in WEAK and not weak:
        raise UselessHash(TOO_WEAK.format(scheme=scheme))
    make = SCHEMES.get(scheme) or WEAK.get(scheme)
    if make is None:
        raise UselessHash(
            f"the scheme {{{scheme}}} is not known here; known are: {', '.join(sorted(SCHEMES))}"
        )
    verify = make(rest)
    return lambda password: b"\0" not in password and verify(password)


def verified(stored: str, password: bytes, weak: bool = False) -> bool:
    """`password` is the one that `stored` is made of."""
    return verifier(stored, weak)(password)


def scheme_of(stored: str) -> str:
    """The scheme in capitals, as it is written in braces; `UselessHash` when there is none."""
    return _parts(stored)[0]


def told_of(stored: str | None) -> str:
    """What there is to say about it, without it."""
    try:
        return f"the password is kept by the scheme {scheme_of(stored)}" if stored else "there is no password"
    except UselessHash as error:
        return str(error)


def in_clear(stored: str) -> bytes | None:
    """The password itself, where no hash was made of it."""
    scheme, rest = _parts(stored)
    return rest.encode() if scheme in CLEAR else None


def weaker(stored: str, memory: int, passes: int) -> bool:
    """It is not argon2id, or goes through less memory (octets, each time) than is asked for."""
    try:
        scheme, rest = _parts(stored)
    except UselessHash:
        return True
    if scheme != "ARGON2ID" or not rest.startswith("$argon2id$"):
        return True
    its_memory, its_passes = costs(rest)
    return its_memory * its_passes < memory // 1024 * passes


def in_the_same_form(new: str, old: str) -> str:
    """`new`, one of argon2id, with its scheme in braces if `old` has braces: who reads both knows it then."""
    return "{ARGON2ID}" + new if old.startswith("{") else new


def _parts(stored: str) -> tuple[str, str]:
    """The scheme in capitals, and what belongs to it."""
    if not stored:
        raise UselessHash("there is no password")
    if len(stored) > LONGEST:
        raise UselessHash("this is too long for a hash")
    if found := _SCHEME.match(stored):
        scheme = found[1].upper()
        rest = _decoded(scheme, (found[2] or "").lower(), stored[found.end() :])
        return ("MD5-CRYPT" if scheme == "CRYPT" and rest.startswith("$1$") else scheme), rest
    for beginning, scheme in _BEGINNINGS.items():
        if stored.startswith(beginning):
            return scheme, stored
    raise UselessHash(
        "this is no hash that can be used: plain text is written {PLAIN}..., and DES and hashes without a"
        " scheme are too weak; make a new one"
    )


def _decoded(scheme: str, encoding: str, rest: str) -> str:
    """Dovecot's `{SSHA512.hex}`: the same octets in another spelling."""
    if not encoding:
        return rest
    try:
        octets = _ENCODINGS[encoding](rest)
        return base64.b64encode(octets).decode() if scheme in _BINARY else octets.decode()
    except KeyError:
        raise UselessHash('behind the scheme stands another encoding than ".hex" or ".b64"') from None
    except (binascii.Error, ValueError):
        raise UselessHash(f'what follows the scheme is no "{encoding}"') from None


_ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "hex": bytes.fromhex,
    **dict.fromkeys(("b64", "base64"), lambda rest: base64.b64decode(rest, validate=True)),
}

SCHEMES: Mapping[str, Make] = {
    **dict.fromkeys(("ARGON2I", "ARGON2ID"), argon2),
    "ARGON2-DJANGO": django,
    **dict.fromkeys(("CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT"), crypt),
    "SSHA": salted("sha1"),
    "SSHA256": salted("sha256"),
    "SSHA512": salted("sha512"),
    "PBKDF2": pbkdf2,
    "SCRYPT": scrypt,
    **dict.fromkeys(CLEAR, plain),
}
"""What protects a password, or is said to be none."""

WEAK: Mapping[str, Make] = {
    **dict.fromkeys(("MD5-CRYPT", "MD5"), md5_crypt),
    "APR1": apache_md5,
    **dict.fromkeys(("SHA", "SHA1"), unsalted("sha1")),
    "SHA256": unsalted("sha256"),
    "SHA512": unsalted("sha512"),
    "SMD5": salted("md5"),
    **dict.fromkeys(("PLAIN-MD5", "LDAP-MD5"), unsalted("md5")),
}
"""What whoever steals it can undo; there until somebody logs in and has a better one (`weak_hashes`)."""

_BINARY = ("SSHA", "SSHA256", "SSHA512", "SMD5", "SHA", "SHA1", "SHA256", "SHA512", "PLAIN-MD5", "LDAP-MD5")
_BEGINNINGS = {
    "$argon2": "ARGON2ID",
    "argon2$argon2": "ARGON2-DJANGO",
    "$pbkdf2": "PBKDF2",
    "pbkdf2_": "PBKDF2",
    "$scrypt$": "SCRYPT",
    "scrypt$": "SCRYPT",
    **dict.fromkeys(("$5$", "$6$", "$2", "$y$", "$7$"), "CRYPT"),
    "$1$": "MD5-CRYPT",
    "$apr1$": "APR1",
}
