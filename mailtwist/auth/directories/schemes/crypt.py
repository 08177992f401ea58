"""Hashes of crypt(3), as /etc/shadow has them: the system's libcrypt checks them."""

import ctypes
import hmac
import re
from functools import cache
from typing import Any

from mailtwist.auth.directories.schemes.api import UselessHash, Verify
from mailtwist.auth.directories.schemes.derived import scrypt_is_bearable

_ROOM = 1 << 18  # octets for crypt_r to work in; the most that any libc asks for is half of it
_SHA = r"(?:rounds=[0-9]{1,7}\$)?[!-#%-9;-~]{0,16}\$[./0-9A-Za-z]"
_CRYPT = re.compile(
    rf"\$5\${_SHA}{{43}}|\$6\${_SHA}{{86}}|\$2[aby]\$(?:0[4-9]|1[0-7])\$[./0-9A-Za-z]{{53}}"
    r"|\$y\$j[./0-9A-F][./0-9A-T]\$[./0-9A-Za-z]{0,86}\$[./0-9A-Za-z]{43}"
)
"""Whole ones of SHA-256, SHA-512, bcrypt and yescrypt, whose costs can be meant.  No DES, which sees eight
letters."""
_SCRYPT = re.compile(
    r"\$7\$([./0-9A-Za-z])([./0-9A-Za-z]{5})([./0-9A-Za-z]{5})[./0-9A-Za-z]{0,86}\$[./0-9A-Za-z]{43}"
)
_MD5 = re.compile(r"\$1\$[!-#%-9;-~]{0,8}\$[./0-9A-Za-z]{22}")
_DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_QUICK = {
    "$1$": b"$1$salt$",
    "$5$": b"$5$rounds=1000$salt$",
    "$6$": b"$6$rounds=1000$salt$",
    "$2": b"$2y$04$abcdefghijklmnopqrstuu",
    "$y$": b"$y$j75$salt$",
    "$7$": b"$7$56..../....salt$",
}
"""What shows whether libcrypt knows the kind."""


def crypt(rest: str) -> Verify:
    if not (_CRYPT.fullmatch(rest) or _is_scrypt(rest)):
        raise UselessHash(
            "this is no whole hash of SHA-256, SHA-512, bcrypt, scrypt or yescrypt ($5$, $6$, $2y$, $7$,"
            " $y$), or its cost cannot be meant"
        )
    return _by_libcrypt(rest)


def md5_crypt(rest: str) -> Verify:
    if not _MD5.fullmatch(rest):
        raise UselessHash("this is no whole hash of MD5-CRYPT ($1$)")
    return _by_libcrypt(rest)


def _is_scrypt(rest: str) -> bool:
    found = _SCRYPT.fullmatch(rest)
    if not found:
        return False
    power, r, p = (sum(_DIGITS.index(one) << 6 * n for n, one in enumerate(part)) for part in found.groups())
    return scrypt_is_bearable(1 << power, r, p)


def _by_libcrypt(rest: str) -> Verify:
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
