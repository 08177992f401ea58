"""Quick digests, with a salt or without, and plain text: Dovecot, OpenLDAP and htpasswd have them."""

import hashlib
import hmac
import re

from mailtwist.auth.directories.schemes.api import Make, UselessHash, Verify, octets_of

_APACHE = re.compile(r"\$apr1\$([!-#%-9;-~]{0,8})\$([./0-9A-Za-z]{22})")
_DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))


def salted(name: str) -> Make:
    """Base64 of the digest and the salt."""

    def make(rest: str) -> Verify:
        octets = octets_of(rest)
        size = hashlib.new(name).digest_size
        digest, salt = octets[:size], octets[size:]
        if not salt:
            raise UselessHash("the hash is cut off, or has no salt")
        return lambda password: hmac.compare_digest(hashlib.new(name, password + salt).digest(), digest)

    return make


def unsalted(name: str) -> Make:
    """Base64 or hexadecimal of the digest alone."""
    size = hashlib.new(name).digest_size

    def make(rest: str) -> Verify:
        hexadecimal = re.fullmatch(r"[0-9A-Fa-f]+", rest) and len(rest) == 2 * size
        digest = bytes.fromhex(rest) if hexadecimal else octets_of(rest)
        if len(digest) != size:
            raise UselessHash("the hash is cut off, or has a salt")
        return lambda password: hmac.compare_digest(hashlib.new(name, password).digest(), digest)

    return make


def plain(rest: str) -> Verify:
    if not rest:
        raise UselessHash("there is no password")
    right = rest.encode()
    return lambda password: hmac.compare_digest(password, right)


def apache_md5(rest: str) -> Verify:
    """`$apr1$`, which htpasswd makes unless it is asked for better."""
    found = _APACHE.fullmatch(rest)
    if not found:
        raise UselessHash("this is no whole hash of htpasswd's MD5 ($apr1$)")
    salt, right = found[1].encode(), found[2].encode()
    return lambda password: hmac.compare_digest(_apr1(password, salt), right)


def _apr1(password: bytes, salt: bytes) -> bytes:
    """MD5-crypt with another name in it; it takes a thousand rounds, always."""
    inner = hashlib.md5(password + salt + password).digest()
    first = password + b"$apr1$" + salt
    first += (inner * (len(password) // 16 + 1))[: len(password)]
    length = len(password)
    while length:
        first += b"\0" if length & 1 else password[:1]
        length >>= 1
    digest = hashlib.md5(first).digest()
    for number in range(1000):
        digest = hashlib.md5(_mixed(number, digest, password, salt)).digest()
    text = "".join(_letters(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _ORDER)
    return (text + _letters(digest[11], 2)).encode()


def _mixed(number: int, digest: bytes, password: bytes, salt: bytes) -> bytes:
    odd = number & 1
    parts = [password if odd else digest]
    if number % 3:
        parts.append(salt)
    if number % 7:
        parts.append(password)
    parts.append(digest if odd else password)
    return b"".join(parts)


def _letters(value: int, count: int) -> str:
    return "".join(_DIGITS[value >> 6 * n & 63] for n in range(count))
