"""Password hashes as other servers write them: Dovecot, Apache, LDAP, /etc/shadow."""

import base64
import binascii
import ctypes
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

Verify = Callable[[bytes], bool]

MOST_ROUNDS = 10_000_000  # of PBKDF2; more is a slip
MOST_MEMORY, MOST_PASSES = 4 << 20, 100  # of argon2, in KiB; the same
_ROOM = 1 << 18  # octets for crypt_r to work in; the most that any libc asks for is half of it

_SCHEME = re.compile(r"\{([A-Za-z0-9.-]{1,32})\}")
_ARGON2 = re.compile(r"\$argon2(?:i|d|id)\$[!-9;-~]{1,380}")
_COSTS = re.compile(r"[$,]([mt])=([0-9]{1,20})")
_SHA = r"(?:rounds=[0-9]{1,7}\$)?[!-#%-9;-~]{0,16}\$[./0-9A-Za-z]"
_CRYPT = re.compile(
    rf"\$5\${_SHA}{{43}}|\$6\${_SHA}{{86}}|\$2[aby]\$(?:0[4-9]|1[0-7])\$[./0-9A-Za-z]{{53}}"
    r"|\$y\$j[./0-9A-F][./0-9A-T]\$[./0-9A-Za-z]{0,86}\$[./0-9A-Za-z]{43}"
)
"""Whole ones of SHA-256, SHA-512, bcrypt and yescrypt, whose costs can be meant.  No DES, which sees eight
letters, and no MD5."""
_QUICK = {
    "$5$": b"$5$rounds=1000$salt$",
    "$6$": b"$6$rounds=1000$salt$",
    "$2": b"$2y$04$abcdefghijklmnopqrstuu",
    "$y$": b"$y$j75$salt$",
}
"""What shows whether libcrypt knows the kind."""
_PASSLIB = re.compile(r"\$pbkdf2(?:-(sha256|sha512))?\$([0-9]{1,8})\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)")
_DOVECOT = re.compile(r"\$1\$([!-#%-9;-~]{1,64})\$([0-9]{1,8})\$([0-9a-f]{40})")


class UselessHash(ValueError):
    """No password can be checked against what stands there: the words are for the operator, and do not repeat
    it."""


def verifier(stored: str) -> Verify:
    """What says whether a password is the one that `stored` is made of.  It is slow: it belongs in a thread.
    `UselessHash` when there is no such thing, perhaps only when it is asked.  A password has no NUL: C would
    not see what follows, and PBKDF2 (HMAC) takes one at the end for nothing."""
    scheme, rest = _parts(stored)
    make = _SCHEMES.get(scheme)
    if make is None:
        known = ", ".join(sorted(_SCHEMES))
        raise UselessHash(f"the scheme {{{scheme}}} is not known here; known are: {known}")
    verify = make(rest)
    return lambda password: b"\0" not in password and verify(password)


def verified(stored: str, password: bytes) -> bool:
    """`password` is the one that `stored` is made of."""
    return verifier(stored)(password)


def _parts(stored: str) -> tuple[str, str]:
    """The scheme in capitals, and what belongs to it."""
    if not stored:
        raise UselessHash("there is no password")
    if found := _SCHEME.match(stored):
        return found[1].upper(), stored[found.end() :]
    for beginning, scheme in _BEGINNINGS.items():
        if stored.startswith(beginning):
            return scheme, stored
    raise UselessHash(
        "this is no hash that can be used: plain text is written {PLAIN}..., and DES, MD5 and hashes without"
        " salt are too weak; make a new one"
    )


def _argon2(rest: str) -> Verify:
    if not _ARGON2.fullmatch(rest):
        raise UselessHash("this is no hash of argon2")
    costs = {name: int(value) for name, value in _COSTS.findall(rest)}
    if costs.get("m", 0) > MOST_MEMORY or costs.get("t", 0) > MOST_PASSES:
        raise UselessHash("the hash of argon2 has a cost that cannot be meant")

    def verify(password: bytes) -> bool:
        try:
            return PasswordHasher().verify(rest, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as error:
            raise UselessHash(f"argon2 cannot use the hash: {type(error).__name__}") from None

    return verify


# -- crypt(3)
def _crypt(rest: str) -> Verify:
    if not _CRYPT.fullmatch(rest):
        raise UselessHash(
            "this is no whole hash of SHA-256, SHA-512, bcrypt or yescrypt ($5$, $6$, $2y$, $y$), or its cost"
            " cannot be meant"
        )
    kind = next(beginning for beginning in _QUICK if rest.startswith(beginning))
    if not _known(kind):
        raise UselessHash(f"the libcrypt of this system does not know hashes that begin with {kind}")
    setting = rest.encode("ascii")

    return lambda password: hmac.compare_digest(_crypted(password, setting), setting)


@cache
def _known(kind: str) -> bool:
    return _crypted(b"", _QUICK[kind]).startswith(kind.encode())


def _crypted(password: bytes, setting: bytes) -> bytes:
    """crypt_r(3) of the system's libcrypt, which keeps no other thread from working; no hash where there can
    be none, as of a password that is too long for it."""
    room = ctypes.create_string_buffer(_ROOM)
    made: bytes | None = _crypt_r()(password, setting, room)
    return made or b"*0"


@cache
def _crypt_r() -> Any:
    for library in ("libcrypt.so.1", "libcrypt.so.2", None):  # None: musl has it in libc
        try:
            function = ctypes.CDLL(library).crypt_r
        except (OSError, AttributeError):
            continue
        function.restype = ctypes.c_char_p
        function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
        return function
    raise UselessHash("this system has no libcrypt, which such a hash needs")


# -- what hashlib does
def _salted(name: str) -> Callable[[str], Verify]:
    """Dovecot and OpenLDAP write base64 of the digest and the salt."""

    def make(rest: str) -> Verify:
        octets = _base64(rest)
        size = hashlib.new(name).digest_size
        digest, salt = octets[:size], octets[size:]
        if not salt:
            raise UselessHash("the hash is cut off, or has no salt")
        return lambda password: hmac.compare_digest(hashlib.new(name, password + salt).digest(), digest)

    return make


def _pbkdf2(rest: str) -> Verify:
    """As passlib writes it, or Dovecot."""
    if found := _PASSLIB.fullmatch(rest):
        salt, digest = (_base64(part.replace(".", "+")) for part in found.group(3, 4))
        return _in_rounds(found[1] or "sha1", int(found[2]), salt, digest)
    if found := _DOVECOT.fullmatch(rest):
        return _in_rounds("sha1", int(found[2]), found[1].encode(), bytes.fromhex(found[3]))
    raise UselessHash("this is no hash of PBKDF2 as Dovecot or passlib write it")


def _in_rounds(name: str, rounds: int, salt: bytes, digest: bytes) -> Verify:
    if not 0 < rounds <= MOST_ROUNDS or len(digest) != hashlib.new(name).digest_size:
        raise UselessHash("the hash is cut off, or its number of rounds cannot be meant")

    def verify(password: bytes) -> bool:
        return hmac.compare_digest(hashlib.pbkdf2_hmac(name, password, salt, rounds), digest)

    return verify


def _plain(rest: str) -> Verify:
    if not rest:
        raise UselessHash("there is no password")
    right = rest.encode()
    return lambda password: hmac.compare_digest(password, right)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise UselessHash("what follows the scheme is no base64") from None


_SCHEMES: Mapping[str, Callable[[str], Verify]] = {
    **dict.fromkeys(("ARGON2I", "ARGON2ID"), _argon2),
    **dict.fromkeys(("CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT"), _crypt),
    "SSHA": _salted("sha1"),
    "SSHA256": _salted("sha256"),
    "SSHA512": _salted("sha512"),
    "PBKDF2": _pbkdf2,
    "PLAIN": _plain,
}
_BEGINNINGS = {
    "$argon2": "ARGON2ID",
    "$pbkdf2": "PBKDF2",
    **dict.fromkeys(("$5$", "$6$", "$2", "$y$"), "CRYPT"),
}
